package updater

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/replication"
	"github.com/hotpair/hotpair/services/updater/answers"
	"github.com/hotpair/hotpair/services/updater/dispatch"
	"github.com/hotpair/hotpair/services/updater/draft"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/services/updater/queue"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// openTerm starts what a term consists of and returns when its first entry is durable at home. backlog are entries of
// the own journal that are not known to be committed; the other host must have them before they are.
func (u *updater) openTerm(ctx context.Context, q bus.Serve, backlog []history.Stored) error {
	life, end := context.WithCancelCause(context.Background())
	a := &activeTerm{end: end, sender: replication.NewSender(u.senderConfig(q.Epoch, backlog))}
	a.term = &term{
		epoch: q.Epoch, tickets: ticket.NewDesk(q.TicketKey), store: u.store, own: u.ownSeam(u.tail), other: u.otherSeam(a.sender), times: u.times, clock: u.clock, retention: u.config.Retention,
		room: u.applier.roomy, hurry: u.applier.hurry, queue: queue.New(callSize), ended: make(chan struct{}), changed: make(chan struct{}),
		required: q.RequirePeer, measured: &u.measured, timers: u.timers, answers: answers.New(0), left: u.left, damaged: u.told.Damaged,
		committed: func(history.Mark) {
			u.applier.kick()
			a.sender.Committed()
		},
	}
	a.run(u, "sender", life, a.sender.Run)
	if err := u.settle(ctx, a, life, q.RequirePeer, backlog); err != nil {
		a.stop(err)
		return err
	}
	first, err := u.opening(q)
	if err != nil {
		a.stop(err)
		return err
	}
	a.run(u, "term", life, func(ctx context.Context) error { return a.term.run(ctx, first) })
	if len(first) > 0 {
		if err := a.term.atHome(ctx, first[len(first)-1].Entry.Position); err != nil {
			a.stop(err)
			return err
		}
	}
	u.enter(state{kind: serving, epoch: q.Epoch, active: a})
	return nil
}

// run starts a goroutine of the activeTerm. An error that is not its end's is one of the own disk and ends the process.
func (a *activeTerm) run(u *updater, name string, life context.Context, f func(context.Context) error) {
	a.group.Add(1)
	go func() {
		defer a.group.Done()
		if err := f(life); err != nil && life.Err() == nil {
			u.fail(fmt.Errorf("%s of epoch %d: %w", name, a.term.epoch, err))
		}
	}()
}

// settle makes frames wait for the other host where it is required, and commits the backlog once it has that.
func (u *updater) settle(ctx context.Context, a *activeTerm, life context.Context, required bool, backlog []history.Stored) error {
	if !required {
		return nil
	}
	if len(backlog) == 0 {
		from := u.store.Committed().Position
		a.run(u, "hold", life, func(ctx context.Context) error { return a.sender.Hold(ctx, from, membership.Note{}) })
		return nil
	}
	last := backlog[len(backlog)-1].Entry.Position
	if err := a.sender.Hold(ctx, last, membership.Note{}); err != nil {
		return fmt.Errorf("%w: %w", bus.ErrUnreadable, err)
	}
	if err := u.adopt(backlog); err != nil {
		return err
	}
	a.sender.Committed() // a pair may be idle from here on: no frame would tell the other host
	u.store.SetNotified(last)
	return nil
}

// opening is the entry that opens the epoch, unless the history has it already.
func (u *updater) opening(q bus.Serve) ([]history.Stored, error) {
	end := u.store.Committed()
	if end.Position.Epoch == q.Epoch {
		return nil, nil
	}
	began, err := history.NewStored(end.Digest, history.Entry{
		Position: position.Position{Epoch: q.Epoch, Sequence: end.Position.Sequence + 1},
		Kind:     history.KindBegan, Time: u.times.Now(),
		Host: u.config.Host, Identity: u.facts.Get().Identity, RecordVersion: q.RecordVersion, Level: birthLevel(end.Position),
	})
	if err != nil {
		return nil, err
	}
	return u.holding(q, end.Position, began)
}

// holding is what opens the epoch, with what holds emissions when a history was taken back since the last one: in the same frame, so that
// nobody can look in between. It was when the last entry is of before the last promotion by force, or is the last one of a backup that was
// restored.
func (u *updater) holding(q bus.Serve, last position.Position, began history.Stored) ([]history.Stored, error) {
	frame := []history.Stored{began}
	restored := u.facts.Get().Recovered
	if u.store.Level() < history.OutboxLevel || q.Forced <= last.Epoch && (restored.IsZero() || restored != last) {
		return frame, nil
	}
	set := leaving.New(nothingLeft{}, leaving.Update{Position: position.Position{Epoch: q.Epoch, Sequence: began.Entry.Position.Sequence + 1}})
	if err := dispatch.Hold(set); err != nil {
		return nil, err
	}
	held, err := history.NewStored(began.Mark().Digest, history.Entry{
		Position: set.Update.Position, Kind: history.KindUpdate, Time: began.Entry.Time, Space: bus.SystemSpace, Outbox: set.Effects(),
	})
	return append(frame, held), err
}

// nothingLeft is an outbox of which nothing is asked.
type nothingLeft struct{}

// Left implements leaving.State.
func (nothingLeft) Left([]byte) (value []byte, revision uint64, err error) { return nil, 0, nil }

func (u *updater) senderConfig(epoch uint64, backlog []history.Stored) replication.SenderConfig {
	return replication.SenderConfig{
		Remote: u.remote, Source: u.store, Facts: u.facts, Epoch: epoch, Level: u.store.Level, Backlog: backlog, State: u.peerMoved, Logger: u.log,
	}
}

// uncommitted are the entries that the own journal holds beyond what is known to be committed.
func (u *updater) uncommitted(ctx context.Context) (entries []history.Stored, err error) {
	from := u.store.Committed().Position.Sequence
	for {
		more, err := u.tail.Entries(ctx, from+uint64(len(entries)))
		if err != nil || len(more) == 0 {
			return entries, err
		}
		entries = append(entries, more...)
	}
}

// adopt commits entries of the own journal that were not known to be committed: now they are.
func (u *updater) adopt(entries []history.Stored) error {
	if len(entries) == 0 {
		return nil
	}
	if err := u.store.Commit(entries...); err != nil {
		return fmt.Errorf("adopt the journal: %w", err)
	}
	last := entries[len(entries)-1].Entry
	u.times.Observe(last.Time)
	u.applier.kick()
	u.log.Info("adopted the end of the journal", "updates", len(entries), "position", last.Position)
	return nil
}

// adoptTail commits all of the own journal. The receiver may still be committing what it was told is committed: then
// less is left to do, and it is looked at again.
func (u *updater) adoptTail(ctx context.Context) error {
	for {
		before := u.store.Committed()
		entries, err := u.tail.Entries(ctx, before.Position.Sequence)
		if err == nil && len(entries) == 0 {
			return nil
		}
		if err == nil {
			err = u.adopt(entries)
		}
		if err != nil && (!errors.Is(err, storage.ErrGap) || u.store.Committed() == before) {
			return err
		}
	}
}

// frames cuts entries into runs that fit into a frame each: one epoch, bounded bytes.
func frames(entries []history.Stored) (runs [][]history.Stored) {
	first, bytes := 0, 0
	for i := range entries {
		e := &entries[i]
		if i > first && (e.Entry.Position.Epoch != entries[first].Entry.Position.Epoch || bytes+len(e.Raw) > draft.FrameBytes || i-first >= draft.FrameEntries) {
			runs = append(runs, entries[first:i])
			first, bytes = i, 0
		}
		bytes += len(e.Raw)
	}
	if first < len(entries) {
		runs = append(runs, entries[first:])
	}
	return runs
}

// evidencePace is how often a resuming updater looks whether waiting for the other host still makes sense.
const evidencePace = 10 * time.Millisecond

// giveUpOnEvidence ends a wait for the other host as soon as it refuses connections, or has none for half a lease: main
// goes solo then. stop ends the watching.
func (u *updater) giveUpOnEvidence(ctx context.Context, cancel func()) (stop func()) {
	watch, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	started := u.clock()
	go func() {
		defer close(ended)
		tick := time.NewTicker(evidencePace)
		defer tick.Stop()
		for {
			switch e := u.remote.Evidence(); {
			case e.State == evidence.Connected:
				started = u.clock()
			case e.State == evidence.Refused, u.clock()-started > u.config.Lease/2:
				cancel()
				return
			}
			select {
			case <-tick.C:
			case <-watch.Done():
				return
			}
		}
	}()
	return func() { end(); <-ended }
}

// finish ends the term because the process ends: the frame in flight gets a moment.
func (u *updater) finish() {
	if active := u.present().active; active != nil {
		active.term.queue.Close()
		timer := time.NewTimer(finishWithin)
		defer timer.Stop()
		select {
		case <-active.term.ended:
		case <-timer.C:
		}
	}
	u.resign(errStopped)
}
