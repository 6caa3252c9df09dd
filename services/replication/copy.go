package replication

import (
	"context"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/aside"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
)

// asideBytes bounds one file of what is set aside.
const asideBytes = 32 << 20

// dropTail sets aside what the tail has beyond end, and what was refused, then cuts. data is held.
func (r *Receiver) dropTail(ctx context.Context, end history.Mark) error {
	var none bool
	var committed uint64
	var broken error
	r.c.Log.View(func(t *journal.Tail) { none, committed, broken = t.End() == end, t.Committed().Sequence, t.Broken() })
	if none && broken == nil {
		return nil
	}
	if err := r.setAsideBehind(ctx, end.Position.Sequence, committed, "tail of the journal beyond "+end.Position.String()); err != nil {
		return err
	}
	if broken != nil {
		records, err := r.c.Log.Refused(ctx)
		if err != nil {
			return err
		}
		if err := r.write("journal messages that do not follow: "+broken.Error(), records, Aside{}); err != nil {
			return err
		}
	}
	return r.c.Log.Truncate(ctx, end)
}

// setAsideBehind writes what the tail has behind a sequence into files.
func (r *Receiver) setAsideBehind(ctx context.Context, from, committed uint64, reason string) error {
	for {
		var some []history.Stored
		for bytes := 0; bytes < asideBytes; {
			more, err := r.c.Log.Entries(ctx, from)
			if err != nil {
				return fmt.Errorf("set aside behind %d: %w", from, rotten(err))
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
		if err := r.setAside(some, committed, reason); err != nil {
			return err
		}
	}
}

// setAside writes updates into files. committed is the highest sequence known to be committed.
func (r *Receiver) setAside(entries []history.Stored, committed uint64, reason string) error {
	for len(entries) > 0 {
		var records [][]byte
		a := Aside{First: entries[0].Entry.Position}
		for bytes := 0; len(entries) > 0 && bytes < asideBytes; entries = entries[1:] {
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
func (r *Receiver) write(reason string, records [][]byte, a Aside) error {
	if len(records) == 0 {
		return nil
	}
	path, err := aside.Write(r.c.Dir, reason, records, a.Committed)
	if err != nil {
		return fatal{fmt.Errorf("set aside: %w", err)}
	}
	a.Path = path
	log := r.c.Logger.Warn
	if a.Committed > 0 {
		log = r.c.Logger.Error
	}
	log("updates that only this host has were set aside", "host", r.c.Host, "position", a.First, "last", a.Last,
		"updates", a.Updates, "committed", a.Committed, "file", path)
	r.c.Aside(a)
	return nil
}

// copyBegin makes this host inconsistent, sets aside what it alone has, and empties its database. Every step may be done
// again: a crash leaves the host inconsistent, and the next hello begins the copy anew or goes on with it.
func (r *Receiver) copyBegin(ctx context.Context, q copyBeginRequest) (copyReply, error) {
	if err := r.check(q.Term); err != nil {
		return copyReply{}, err
	}
	if q.Base.Position.Epoch > q.Term.Epoch {
		return copyReply{}, fmt.Errorf("%w: a copy of %v, sent in epoch %d", bus.ErrMalformed, q.Base.Position, q.Term.Epoch)
	}
	r.data.Lock()
	defer r.data.Unlock()
	err := r.c.Facts.Update(func(d *facts.Data) error {
		d.Copying = &facts.CopyState{Base: q.Base}
		return nil
	})
	if err != nil {
		return copyReply{}, fatal{err}
	}
	if err := r.leave(ctx, q.Common); err != nil {
		return copyReply{}, stuck(err)
	}
	if err := r.c.Copy.BeginCopy(q.Base); err != nil {
		return copyReply{}, fatal{fmt.Errorf("begin copy: %w", err)}
	}
	r.c.Log.Rebase(q.Base)
	r.c.Logger.Info("a copy of the database begins", "host", r.caller(), "position", q.Base.Position)
	r.c.Changed()
	return r.progress()
}

// leave sets aside all updates beyond the common sequence, applied ones too, and drops the tail.
func (r *Receiver) leave(ctx context.Context, common uint64) error {
	if _, copying := r.c.Copy.Copying(); !copying {
		// Half a copy has nothing of its own; a database that was whole may be ahead, after a forced promotion.
		base := r.c.Database.Applied().Position.Sequence
		for from := max(common+1, r.c.Database.First()); from <= base; {
			entries, err := r.c.Database.Entries(from, 0, asideBytes)
			if err != nil {
				return fmt.Errorf("set aside from %d: %w", from, err)
			}
			for len(entries) > 0 && entries[len(entries)-1].Entry.Position.Sequence > base {
				entries = entries[:len(entries)-1]
			}
			if len(entries) == 0 {
				break
			}
			if err := r.setAside(entries, base, "applied updates of another history"); err != nil {
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
	if err := r.setAsideBehind(ctx, from, committed, "tail of the journal before a copy"); err != nil {
		return err
	}
	records, err := r.c.Log.Refused(ctx)
	if err != nil {
		return err
	}
	if err := r.write("journal messages that do not follow", records, Aside{}); err != nil {
		return err
	}
	return r.c.Log.Truncate(ctx, base)
}

// copyRange stores one range.
func (r *Receiver) copyRange(_ context.Context, q copyRangeRequest) (copyReply, error) {
	if err := r.check(q.Term); err != nil {
		return copyReply{}, err
	}
	r.data.Lock()
	defer r.data.Unlock()
	part, err := storage.DecodeRange(q.Range)
	if err != nil {
		return copyReply{}, fmt.Errorf("%w: %w", journal.ErrMalformed, err)
	}
	err = r.c.Copy.PutRange(part)
	switch {
	case errors.Is(err, storage.ErrOrder), errors.Is(err, storage.ErrNotCopying), errors.Is(err, storage.ErrMalformed):
		return copyReply{}, err
	case err != nil:
		return copyReply{}, fatal{fmt.Errorf("store range: %w", err)}
	}
	return r.progress()
}

// copyEnd notes where the database will be consistent: at the end of the last range, once that is applied.
func (r *Receiver) copyEnd(_ context.Context, q copyEndRequest) (copyReply, error) {
	if err := r.check(q.Term); err != nil {
		return copyReply{}, err
	}
	r.data.Lock()
	p, copying := r.c.Copy.Copying()
	r.data.Unlock()
	switch {
	case copying && !p.Done:
		return copyReply{}, fmt.Errorf("end copy: %w", storage.ErrCopying)
	case copying:
		err := r.c.Facts.Update(func(d *facts.Data) error {
			d.Copying = &facts.CopyState{Base: p.Base, Until: p.Until}
			return nil
		})
		if err != nil {
			return copyReply{}, fatal{err}
		}
	default: // the last range was read at the base: nothing is to be replayed
		if err := r.consistent(); err != nil {
			return copyReply{}, fatal{err}
		}
	}
	r.c.Changed()
	return r.progress()
}

// progress says how far the copy is.
func (r *Receiver) progress() (copyReply, error) {
	a := copyReply{End: r.c.Log.End()}
	if p, ok := r.c.Copy.Copying(); ok {
		a.Place = *placeOf(p)
	} else {
		a.Place = copyPlace{Done: true}
	}
	return a, nil
}

// settle ends the mark of inconsistency when the copy's end is applied.
func (r *Receiver) settle() error {
	state := r.c.Facts.Get().Copying
	if state == nil || state.Until.Position.Sequence == 0 {
		return nil
	}
	if _, copying := r.c.Copy.Copying(); copying {
		return nil
	}
	return r.consistent()
}

// consistent ends the mark of inconsistency.
func (r *Receiver) consistent() error {
	err := r.c.Facts.Update(func(d *facts.Data) error {
		d.Copying = nil
		return nil
	})
	if err != nil {
		return fmt.Errorf("end of the copy: %w", err)
	}
	r.c.Logger.Info("the copied database is consistent", "host", r.c.Host, "position", r.c.Database.Applied().Position)
	r.c.Changed()
	return nil
}
