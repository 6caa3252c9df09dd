package replication

import (
	"context"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/divergent"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
)

// fileBytes bounds one file of what is kept as divergent.
const fileBytes = 32 << 20

// dropTail keeps as divergent what the tail has beyond end, and what was refused, then cuts. data is held.
func (r *Receiver) dropTail(ctx context.Context, end history.Mark) error {
	var none bool
	var committed uint64
	var broken error
	r.c.Log.View(func(t *journal.Tail) { none, committed, broken = t.End() == end, t.Committed().Sequence, t.Broken() })
	if none && broken == nil {
		return nil
	}
	if err := r.keepBehind(ctx, end.Position.Sequence, committed, "tail of the journal beyond "+end.Position.String()); err != nil {
		return err
	}
	if broken != nil {
		records, err := r.c.Log.Refused(ctx)
		if err != nil {
			return err
		}
		if err := r.write("journal messages that do not chain: "+broken.Error(), records, Divergence{}); err != nil {
			return err
		}
	}
	return r.c.Log.Truncate(ctx, end)
}

// keepBehind writes what the tail has behind a sequence into files.
func (r *Receiver) keepBehind(ctx context.Context, from, committed uint64, reason string) error {
	for {
		var some []history.Stored
		for bytes := 0; bytes < fileBytes; {
			more, err := r.c.Log.Entries(ctx, from)
			if err != nil {
				return fmt.Errorf("keep updates after %d: %w", from, rotten(err))
			}
			if len(more) == 0 {
				break
			}
			some, from = append(some, more...), from+uint64(len(more))
			for i := range more {
				bytes += len(more[i].Raw)
			}
		}
		if len(some) == 0 {
			return nil
		}
		if err := r.keep(some, committed, reason); err != nil {
			return err
		}
	}
}

// keep writes updates into files. committed is the highest sequence known to be committed.
func (r *Receiver) keep(entries []history.Stored, committed uint64, reason string) error {
	for len(entries) > 0 {
		var records [][]byte
		a := Divergence{First: entries[0].Entry.Position}
		for bytes := 0; len(entries) > 0 && bytes < fileBytes; entries = entries[1:] {
			e := &entries[0]
			records = append(records, e.Raw)
			bytes += len(e.Raw)
			a.Updates++
			a.Last = e.Entry.Position
			if e.Entry.Position.Sequence <= committed {
				a.Committed++
			}
		}
		if err := r.write(reason, records, a); err != nil {
			return err
		}
	}
	return nil
}

// write writes one file and tells of it.
func (r *Receiver) write(reason string, records [][]byte, a Divergence) error {
	if len(records) == 0 {
		return nil
	}
	path, err := divergent.Write(r.c.Dir, reason, records, a.Committed)
	if err != nil {
		return fatal{fmt.Errorf("keep divergent updates: %w", err)}
	}
	a.Path = path
	log := r.c.Logger.Warn
	if a.Committed > 0 {
		log = r.c.Logger.Error
	}
	log("updates that only this host had are kept as divergent", "host", r.c.Host, "position", a.First, "last", a.Last,
		"updates", a.Updates, "committed", a.Committed, "file", path)
	r.c.Divergent(a)
	return nil
}

// snapshotBegin makes this host inconsistent, keeps as divergent what it alone has, and empties its database. Every
// step may be done again: a crash leaves the host inconsistent, and the next hello begins the transfer again or
// continues it.
func (r *Receiver) snapshotBegin(ctx context.Context, q snapshotBeginRequest) (snapshotReply, error) {
	if err := r.check(q.Term); err != nil {
		return snapshotReply{}, err
	}
	if q.Base.Position.Epoch > q.Term.Epoch {
		return snapshotReply{}, fmt.Errorf("%w: a snapshot of %v, sent in epoch %d", bus.ErrMalformed, q.Base.Position, q.Term.Epoch)
	}
	r.data.Lock()
	defer r.data.Unlock()
	err := r.c.Facts.Update(func(d *facts.Data) error {
		d.Receiving = &facts.SnapshotState{Base: q.Base}
		return nil
	})
	if err != nil {
		return snapshotReply{}, fatal{err}
	}
	if err := r.leave(ctx, q.Common); err != nil {
		return snapshotReply{}, stuck(err)
	}
	if err := r.c.Snapshot.BeginSnapshot(q.Base); err != nil {
		return snapshotReply{}, fatal{fmt.Errorf("begin snapshot: %w", err)}
	}
	r.c.Log.Rebase(q.Base)
	r.c.Logger.Info("a snapshot transfer begins", "host", r.caller(), "position", q.Base.Position)
	r.c.Changed()
	return r.progress()
}

// leave keeps as divergent all updates beyond the common sequence, applied ones too, and drops the tail.
func (r *Receiver) leave(ctx context.Context, common uint64) error {
	if _, receiving := r.c.Snapshot.Receiving(); !receiving {
		// Half a copy has nothing of its own; a database that was whole may be ahead, after a forced promotion.
		base := r.c.Database.Applied().Position.Sequence
		for from := max(common+1, r.c.Database.First()); from <= base; {
			entries, err := r.c.Database.Entries(from, 0, fileBytes)
			if err != nil {
				return fmt.Errorf("keep divergent updates from %d: %w", from, err)
			}
			for len(entries) > 0 && entries[len(entries)-1].Entry.Position.Sequence > base {
				entries = entries[:len(entries)-1]
			}
			if len(entries) == 0 {
				break
			}
			if err := r.keep(entries, base, "applied updates of another history"); err != nil {
				return err
			}
			from += uint64(len(entries))
		}
	}
	var base history.Mark
	var from, committed uint64
	r.c.Log.View(func(t *journal.Tail) {
		base, committed = t.Base(), t.Committed().Sequence
		from = min(max(common, base.Position.Sequence), t.End().Position.Sequence)
	})
	if err := r.keepBehind(ctx, from, committed, "tail of the journal before a snapshot transfer"); err != nil {
		return err
	}
	records, err := r.c.Log.Refused(ctx)
	if err != nil {
		return err
	}
	if err := r.write("journal messages that do not chain", records, Divergence{}); err != nil {
		return err
	}
	return r.c.Log.Truncate(ctx, base)
}

// snapshotRange stores one range.
func (r *Receiver) snapshotRange(_ context.Context, q snapshotRangeRequest) (snapshotReply, error) {
	if err := r.check(q.Term); err != nil {
		return snapshotReply{}, err
	}
	r.data.Lock()
	defer r.data.Unlock()
	part, err := storage.DecodeRange(q.Range)
	if err != nil {
		return snapshotReply{}, fmt.Errorf("%w: %w", journal.ErrMalformed, err)
	}
	err = r.c.Snapshot.PutRange(part)
	switch {
	case errors.Is(err, storage.ErrOrder), errors.Is(err, storage.ErrNotReceiving), errors.Is(err, storage.ErrMalformed):
		return snapshotReply{}, err
	case err != nil:
		return snapshotReply{}, fatal{fmt.Errorf("store range: %w", err)}
	}
	return r.progress()
}

// snapshotEnd notes where the database will be consistent: at the end of the last range, once that is applied.
func (r *Receiver) snapshotEnd(_ context.Context, q snapshotEndRequest) (snapshotReply, error) {
	if err := r.check(q.Term); err != nil {
		return snapshotReply{}, err
	}
	r.data.Lock()
	p, receiving := r.c.Snapshot.Receiving()
	r.data.Unlock()
	switch {
	case receiving && !p.Done:
		return snapshotReply{}, fmt.Errorf("end snapshot: %w", storage.ErrReceiving)
	case receiving:
		err := r.c.Facts.Update(func(d *facts.Data) error {
			d.Receiving = &facts.SnapshotState{Base: p.Base, Until: p.Until}
			return nil
		})
		if err != nil {
			return snapshotReply{}, fatal{err}
		}
	default: // the last range was read at the base: nothing is to be replayed
		if err := r.consistent(); err != nil {
			return snapshotReply{}, fatal{err}
		}
	}
	r.c.Changed()
	return r.progress()
}

// progress says how far the copy is.
func (r *Receiver) progress() (snapshotReply, error) {
	a := snapshotReply{End: r.c.Log.End()}
	if p, ok := r.c.Snapshot.Receiving(); ok {
		a.Place = *placeOf(p)
	} else {
		a.Place = snapshotPlace{Done: true}
	}
	return a, nil
}

// settle ends the mark of inconsistency when the copy's end is applied.
func (r *Receiver) settle() error {
	state := r.c.Facts.Get().Receiving
	if state == nil || state.Until.Position.Sequence == 0 {
		return nil
	}
	if _, receiving := r.c.Snapshot.Receiving(); receiving {
		return nil
	}
	return r.consistent()
}

// consistent ends the mark of inconsistency.
func (r *Receiver) consistent() error {
	err := r.c.Facts.Update(func(d *facts.Data) error {
		d.Receiving = nil
		return nil
	})
	if err != nil {
		return fmt.Errorf("end of the snapshot: %w", err)
	}
	r.c.Logger.Info("the snapshot transfer is complete and the database consistent", "host", r.c.Host, "position", r.c.Database.Applied().Position)
	r.c.Changed()
	return nil
}
