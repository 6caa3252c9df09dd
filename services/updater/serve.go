package updater

import (
	"context"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/replication"
	"github.com/hotpair/hotpair/storage/divergent"
	"github.com/hotpair/hotpair/storage/facts"
)

var (
	// errShort says that a term can't continue alone, because its only copy of the data has lost something.
	errShort        = errors.New("this host is alone in the in-sync set, and acknowledged updates may be missing from its disk")
	errInconsistent = errors.New("the database is inconsistent: a snapshot transfer is unfinished")
)

// serve answers bus.Serve: the beginning of a term (B7), or its continuation after a restart of this process.
func (u *updater) serve(ctx context.Context, q bus.Serve) (bus.Served, error) {
	p := u.present()
	switch {
	case p.kind == serving && p.epoch == q.Epoch:
		return bus.Served{Position: u.store.Committed().Position}, nil // the order was repeated
	case p.kind == serving:
		return bus.Served{}, fmt.Errorf("%w: epoch %d is served", errEpoch, p.epoch)
	}
	started := u.clock()
	var err error
	if q.Resume {
		err = u.resume(ctx, q)
	} else {
		err = u.begin(ctx, q, p)
	}
	if err != nil {
		u.endIfDead(err)
		u.enter(state{kind: standby})
		u.log.Warn("the term can't be served", "epoch", q.Epoch, "resume", q.Resume, "error", err)
		return bus.Served{}, err
	}
	if err := u.timers.Follow(false); err != nil { // what was adopted counts too
		u.log.Error("the time base of timers can't be read", "error", err)
	}
	at := u.tail.End().Position
	u.log.Info("the term is served", "epoch", q.Epoch, "position", at, "resume", q.Resume, "took", u.clock()-started)
	return bus.Served{Position: at}, nil
}

// begin opens a term that was prepared and won: the epoch is durable before it is used, and what the journal holds is
// the history from now on (R1). The journal is fenced for the epoch since it was prepared, and no session was admitted
// since.
func (u *updater) begin(ctx context.Context, q bus.Serve, p state) error {
	if p.kind != preparing || !p.ready || p.epoch != q.Epoch {
		return fmt.Errorf("epoch %d was not prepared by this run of the updater", q.Epoch)
	}
	if _, err := u.noteTerm(q); err != nil {
		return err
	}
	if end := u.tail.End(); end != p.mark {
		return fmt.Errorf("the journal ends at %v, but was prepared at %v", end.Position, p.mark.Position)
	}
	if err := u.adoptTail(ctx); err != nil {
		return err
	}
	return u.openTerm(ctx, q, nil)
}

// noteTerm makes the epoch durable, and gives a session number of it that was never used.
func (u *updater) noteTerm(q bus.Serve) (session uint64, err error) {
	err = u.facts.Update(func(f *facts.Data) error {
		f.Epoch, f.Term = q.Epoch, q.Epoch
		f.NoteRecord(q.RecordVersion, q.Record)
		f.Session++
		session = f.Session
		return nil
	})
	return session, err
}

// resume continues a term after a restart of this process: both tails are read first, the other host's is adopted
// where it is longer, and it is sent what it lacks, under a new session. So a position that may have left the process
// before is never used for something else (V2).
func (u *updater) resume(ctx context.Context, q bus.Serve) error {
	if f := u.facts.Get(); f.Term != q.Epoch || f.Epoch != q.Epoch {
		return fmt.Errorf("this host has noted term %d and epoch %d, not %d", f.Term, f.Epoch, q.Epoch)
	}
	if u.inconsistent() {
		return errInconsistent
	}
	if u.short != "" && !q.RequirePeer {
		return fmt.Errorf("%w: %s", errShort, u.short)
	}
	if err := u.prepareFor(ctx, q.Epoch); err != nil {
		return err
	}
	session, err := u.noteTerm(q)
	if err != nil {
		return err
	}
	own, broken, err := u.fence(ctx, q.Epoch, session)
	if err != nil {
		return err
	}
	if !q.RequirePeer {
		if broken != nil {
			return damagedBehind(own, broken)
		}
		// Alone in the set, what the own journal holds is committed.
		if err := u.adoptTail(ctx); err != nil {
			return err
		}
		return u.openTerm(ctx, q, nil)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, u.config.StandbyPatience, bus.ErrUnreadable)
	defer cancel()
	stop := u.giveUpOnEvidence(ctx, cancel)
	defer stop()
	there, err := replication.ReadPeer(ctx, u.senderConfig(q.Epoch, nil), own)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", bus.ErrUnreadable, err)
	case there.Diverged:
		return fmt.Errorf("the other host has a different history after %v, up to %v", own.Position, there.End.Position)
	}
	if broken != nil {
		if err := u.repairTail(ctx); err != nil {
			return err
		}
	}
	for _, frame := range frames(there.Entries) {
		if err := u.tail.Append(ctx, frame, u.store.Committed().Position); err != nil {
			return fmt.Errorf("adopt updates of the other host: %w", err)
		}
	}
	if n := len(there.Entries); n > 0 {
		u.log.Info("adopted updates that only the other host's journal had", "updates", n, "position", there.End.Position)
	}
	backlog, err := u.uncommitted(ctx)
	if err != nil {
		return fmt.Errorf("read this host's journal: %w", err)
	}
	return u.openTerm(ctx, q, backlog)
}

// repairTail drops the messages after a damage of the own journal, once they are in a file (R10): the other host has
// everything that was acknowledged.
func (u *updater) repairTail(ctx context.Context) error {
	records, err := u.tail.Refused(ctx)
	if err != nil {
		return fmt.Errorf("read the journal after its damage: %w", err)
	}
	if len(records) > 0 {
		path, err := divergent.Write(u.config.Data, "after a damage of the journal", records, 0)
		if err != nil {
			u.fail(err)
			return err
		}
		u.log.Error("the journal was damaged; the updates after the damage are kept as divergent", "position", u.tail.End().Position,
			"messages", len(records), "file", path)
	}
	return u.tail.Heal(ctx)
}
