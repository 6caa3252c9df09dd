package updater

import (
	"context"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/journal"

	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
)

// errEpoch says that an order is for another epoch than the one that this process has.
var errEpoch = errors.New("another epoch")

// describe answers bus.FactsRequest.
func (u *updater) describe() bus.Facts {
	f := u.facts.Get()
	end := u.tail.End().Position
	var restored *bus.Restored
	if r := f.Restored; r != nil {
		restored = &bus.Restored{Position: r.Position, Time: r.Time, From: r.From, Made: r.Made}
	}
	return bus.Facts{
		Restored: restored,
		Host:     f.Host, Identity: f.Identity, PairID: f.PairID, Epoch: f.Epoch, RecordVersion: f.RecordVersion, Record: f.Record, Position: end,
		Note:         f.Note,
		Inconsistent: u.inconsistent(), Empty: f.PairID == "" && end.IsZero(),
	}
}

func (u *updater) inconsistent() bool {
	return u.facts.Get().Receiving != nil || u.receiver.State().Inconsistent
}

// note answers bus.Note: facts that must be durable before main continues.
func (u *updater) note(q bus.Note) (bus.Done, error) {
	raised := false
	err := u.facts.Update(func(f *facts.Data) error {
		if q.PairID != "" {
			f.PairID = q.PairID
		}
		raised = q.Epoch > f.Epoch
		f.Epoch = max(f.Epoch, q.Epoch)
		f.NoteRecord(q.RecordVersion, q.Record)
		if q.Membership != nil {
			f.Note = *q.Membership
		}
		return nil
	})
	if raised {
		u.journal.Revoke() // as in standby: no session of a lower epoch may append from now on (R5)
	}
	return bus.Done{}, u.afterWrite(err)
}

// afterWrite tells main of what a write has changed, ends the process if it has failed, and gives its error.
func (u *updater) afterWrite(err error) error {
	u.beat()
	u.endIfDead(err)
	return err
}

// endIfDead ends the process if err says that a write has failed (R8).
func (u *updater) endIfDead(err error) {
	if errors.Is(err, storage.ErrDead) {
		u.fail(err)
	}
}

// prepare answers bus.Prepare: everything that a term needs and that can be done before the epoch is won.
// Nothing of it reaches bolt, and all of it can be undone by release.
func (u *updater) prepare(ctx context.Context, q bus.Prepare) (bus.Prepared, error) {
	if known := u.facts.Get().Epoch; q.Epoch <= known {
		return bus.Prepared{}, fmt.Errorf("%w: epoch %d is not above the known epoch %d", errEpoch, q.Epoch, known)
	}
	u.resign(fmt.Errorf("%w: epoch %d is prepared", errTermEnded, q.Epoch))
	if err := u.prepareFor(ctx, q.Epoch); err != nil {
		return bus.Prepared{Position: u.tail.End().Position}, err
	}
	mark, err := u.makeReady(ctx, q)
	if err != nil {
		u.enter(state{kind: standby})
		u.log.Warn("not fit to take over", "epoch", q.Epoch, "position", mark.Position, "error", err)
		return bus.Prepared{Position: mark.Position}, err
	}
	u.enter(state{kind: preparing, epoch: q.Epoch, mark: mark, ready: true})
	return bus.Prepared{Position: mark.Position}, nil
}

// makeReady fences the own journal, takes everything in it into account, and shows that the disk takes writes.
func (u *updater) makeReady(ctx context.Context, q bus.Prepare) (history.Mark, error) {
	if u.inconsistent() {
		return u.tail.End(), errInconsistent
	}
	wrote := make(chan error, 1)
	go func() { wrote <- u.store.TestWrite() }()
	mark, broken, err := u.fence(ctx, q.Epoch, 0)
	if err == nil && broken != nil && q.Repair {
		err = u.repairTail(ctx)
		mark, broken = u.tail.End(), nil
	}
	tested := <-wrote
	u.endIfDead(tested)
	switch {
	case err != nil:
		return mark, fmt.Errorf("fence the journal: %w", err)
	case tested != nil:
		return mark, fmt.Errorf("the disk accepts no writes: %w", tested)
	case broken != nil:
		// Acknowledged frames may follow the damage (V11).
		return mark, damagedBehind(mark, broken)
	case mark.Position.Before(q.AtLeast):
		return mark, fmt.Errorf("the journal ends at %v, but %v was acknowledged", mark.Position, q.AtLeast) // R1
	}
	if mark.Position.IsZero() {
		if err := u.times.MayBegin(); err != nil {
			return mark, err
		}
	}
	return mark, u.disk.Look()
}

// damagedBehind returns the error for a damaged journal, with the remedy.
func damagedBehind(end history.Mark, broken error) error {
	return fmt.Errorf("%w after %v: start the other host, which has the updates after that; if it is gone for good, hotpair promote --force gives them up (%w)",
		bus.ErrDamagedJournal, end.Position, broken)
}

// fence refuses everything older than a session of an epoch of this host, and returns the end of the earlier messages
// and, if later ones do not chain onto it, the reason. Session 0 prepares an epoch.
func (u *updater) fence(ctx context.Context, epoch, session uint64) (end history.Mark, broken, err error) {
	return u.receiver.Fence(ctx, journal.Fence{Term: journal.Term{Epoch: epoch, Session: session}, Host: u.config.Host})
}

// release answers bus.Release: this host did not win the role. The next hello opens the journal again.
func (u *updater) release() (bus.Done, error) {
	if u.present().kind == preparing {
		u.enter(state{kind: standby})
	}
	return bus.Done{}, nil
}

// standby answers bus.Standby.
func (u *updater) standby(q bus.Standby) (bus.Done, error) {
	u.resign(fmt.Errorf("%w: standby in epoch %d", errTermEnded, q.Epoch))
	if q.Epoch <= u.facts.Get().Epoch {
		return bus.Done{}, nil
	}
	err := u.facts.Update(func(f *facts.Data) error {
		f.Epoch = max(f.Epoch, q.Epoch)
		return nil
	})
	// No session of a lower epoch may append from now on (R5), also one admitted while the epoch was written. The fence
	// itself comes with the hello of the epoch.
	u.journal.Revoke()
	return bus.Done{}, u.afterWrite(err)
}

// require answers bus.Require.
func (u *updater) require(ctx context.Context, q bus.Require) (bus.Required, error) {
	p := u.present()
	if p.kind != serving || q.Epoch != 0 && q.Epoch != p.epoch {
		return bus.Required{}, notServed(q.Epoch)
	}
	t, sender := p.active.term, p.active.sender
	was, _ := t.requires()
	if !q.Peer && q.RecordVersion > 0 {
		// Before the first update that only this host has: if it ends now, it knows by which record it went on alone.
		err := u.facts.Update(func(f *facts.Data) error { f.NoteRecord(q.RecordVersion, q.Record); return nil })
		if u.afterWrite(err) != nil {
			return bus.Required{}, err
		}
	}
	t.require(q.Peer)
	if !q.Peer {
		sender.Release()
		return bus.Required{Position: u.store.Committed().Position}, nil
	}
	// R4: updates wait for the other host first; then it gets everything before them; then it notes its membership.
	err := t.between(ctx)
	before := u.store.Committed().Position
	if err == nil {
		err = sender.Hold(ctx, before, q.Membership)
	}
	if err != nil && !was {
		t.require(false)
		sender.Release()
	}
	return bus.Required{Position: before}, err
}

// notServed is the error of an order for a term that this process does not have.
func notServed(epoch uint64) error { return fmt.Errorf("%w: epoch %d is not served", errEpoch, epoch) }

// drain answers bus.Drain: steps B4 and B5 of the patent in this process. Waiting requests are finished, no new ones
// accepted.
func (u *updater) drain(ctx context.Context, q bus.Drain) (bus.Drained, error) {
	p := u.present()
	if p.kind == drained && p.epoch == q.Epoch {
		return u.noteMembership(q, p)
	}
	if p.kind != serving || p.epoch != q.Epoch {
		return bus.Drained{}, notServed(q.Epoch)
	}
	p.active.term.queue.Close()
	select {
	case <-p.active.term.ended:
	case <-ctx.Done():
		return bus.Drained{}, context.Cause(ctx)
	}
	p.active.stop(errTermEnded)
	p = state{kind: drained, epoch: q.Epoch, last: u.store.Committed().Position}
	u.enter(p)
	u.log.Info("the term is drained", "epoch", q.Epoch, "position", p.last)
	return u.noteMembership(q, p)
}

// noteMembership makes the note for the successor's record durable before main learns that the term is drained.
func (u *updater) noteMembership(q bus.Drain, p state) (bus.Drained, error) {
	var err error
	if q.Membership != nil {
		_, err = u.note(bus.Note{Membership: q.Membership})
	}
	return bus.Drained{Position: p.last}, err
}
