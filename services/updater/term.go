package updater

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/updater/answers"
	"github.com/hotpair/hotpair/services/updater/draft"
	"github.com/hotpair/hotpair/services/updater/pairtime"
	"github.com/hotpair/hotpair/services/updater/queue"
	"github.com/hotpair/hotpair/services/updater/timing"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// errTermEnded is the cause of a term's context when this host has stopped being the active of its epoch.
var errTermEnded = errors.New("the term has ended")

// ownJournal is the journal of this host. Append returns when the frame is durable; any error but the context's ends
// the process (R8).
type ownJournal interface {
	Append(ctx context.Context, entries []history.Stored, committed position.Position) error
}

// otherJournal is the journal of the other host. Offer hands it a frame and returns at once; the channel is closed when
// the frame is durable there, however often the way to it is lost and found meanwhile. A frame that follows replaces
// nothing: at most one is offered at a time, and Withdraw ends the offer when nobody waits for it any more.
type otherJournal interface {
	Offer(entries []history.Stored, committed position.Position) <-chan struct{}
	Withdraw()
}

// term is one term of this host as active. It begins when main orders to serve and ends when its context ends; who
// asks "am I still the active?" looks at that context and at nothing else.
//
// One goroutine (run) decides all updates. One frame is in flight at a time: conditions of the next are compared with
// what is then committed, so no answer ever rests on a frame that might be undone (R12).
type term struct {
	epoch uint64
	// tickets checks those that terminal-if gives in this term.
	tickets *ticket.Desk
	store   *storage.Store
	own     ownJournal
	other   otherJournal
	times   *pairtime.Clock
	clock   lease.Clock
	// retention is how long answers under ids of apps are kept, in pair time from the time in the id.
	retention time.Duration
	// room reports whether the overlay has room for another frame, and a channel that is closed when it might.
	room func() (bool, <-chan struct{})
	// hurry has the overlay applied at once.
	hurry func()
	// committed is told of each committed frame.
	committed func(history.Mark)
	timers    *timing.Clock
	answers   *answers.Books
	// left is told of each committed frame that changed the outbox, and damaged of what can't be read that a commit rests on.
	left     func([]history.Stored)
	damaged  func(error)
	measured *measures

	queue *queue.Queue[*commitCall]
	ended chan struct{} // closed when run has returned

	mu       sync.Mutex
	required bool          // frames need the other host too
	changed  chan struct{} // closed and replaced when required or flight changes
	flight   flight
}

// flight is the frame on its way. The zero flight: none.
type flight struct {
	since  time.Duration // on the term's clock
	last   position.Position
	own    bool // durable at home (A3)
	needed bool // the other host's copy was asked for when it left (A4)
}

// run commits the entries with which the term begins, then makes frames until ctx ends, or until the queue is closed
// and empty. The error is the cause of ctx's end when that came first, otherwise fatal for the process.
func (t *term) run(ctx context.Context, first []history.Stored) error {
	defer close(t.ended)
	if len(first) > 0 {
		if err := t.commit(ctx, first); err != nil {
			t.abandon(nil)
			return err
		}
	}
	for !t.queue.Drained() {
		select {
		case <-t.queue.Some():
		case <-ctx.Done():
			t.abandon(nil)
			return context.Cause(ctx)
		}
		if err := t.waitForRoom(ctx); err != nil {
			t.abandon(nil)
			return err
		}
		if err := t.frame(ctx, t.queue.Take()); err != nil {
			return err
		}
	}
	return nil
}

// waitForRoom slows admission when the applier lags: the queue fills and its bound says busy. Waiting counts as a frame
// that waits for the own disk, because that is what it does (T6).
func (t *term) waitForRoom(ctx context.Context) error {
	for waits := false; ; waits = true {
		ok, changed := t.room()
		if ok {
			return nil
		}
		t.hurry()
		if !waits {
			t.update(func() { t.flight = flight{since: t.clock()} })
			defer t.arrived()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// reply is an answer that waits for its frame.
type deferredReply struct {
	call  *commitCall
	reply bus.DatabaseReply
}

// frame makes one frame of calls, has it committed, and answers.
func (t *term) frame(ctx context.Context, calls []*commitCall) error {
	if len(calls) == 0 {
		return nil
	}
	end, now := t.store.Committed(), t.times.Now()
	d := draft.New(t.epoch, end, now)
	d.Latest, d.Earliest = t.times.Latest(), now-int64(t.retention)
	d.Level = t.store.Level()
	if slices.ContainsFunc(calls, func(c *commitCall) bool { return c.Leaves() }) {
		stamp, at := t.timers.Stamp()
		d.Stamp, d.Wall = stamp, at.Wall
	}
	deferred := make([]deferredReply, 0, len(calls))
	err := t.store.View(func(r *storage.Reader) error {
		d.Forgets = r.Forgettable(d.Earliest)
		if err := r.Damage(); err != nil { // nothing is forgotten, and no commit fails by it
			t.damaged(err)
		}
		d.Answers = t.answers.Frame(r, end.Position.Sequence+1)
		for i, c := range calls {
			if c.epoch != t.epoch {
				c.answer(nobody(fmt.Sprintf("this host serves epoch %d, the commit is of epoch %d", t.epoch, c.epoch)))
				continue
			}
			v := d.Add(draft.Committed{Reader: r}, &c.Commit)
			if v.Damaged != nil {
				t.damaged(v.Damaged)
			}
			switch {
			case v.Full:
				t.queue.Back(calls[i:])
				return nil
			case v.Deferred && len(d.Entries()) > 0:
				deferred = append(deferred, deferredReply{c, v.Reply})
			default:
				c.answer(v.Reply)
			}
		}
		return nil
	})
	if err == nil && len(d.Entries()) > 0 {
		err = t.commit(ctx, d.Entries())
	}
	if err != nil {
		t.abandon(deferred)
		return err
	}
	for _, h := range deferred {
		h.call.answer(h.reply)
	}
	return nil
}

// commit makes entries durable wherever they must be, then visible: steps A3, A4, A5, or A7 when main has decided on
// A6, that the other host is down.
func (t *term) commit(ctx context.Context, entries []history.Stored) error {
	began := time.Now()
	needed := t.depart(entries[len(entries)-1].Entry.Position)
	defer t.arrived() // after the commit: who waits for the arrival finds it committed
	notified, err := t.replicate(ctx, entries, needed)
	if err != nil {
		return err
	}
	if err := t.store.Commit(entries...); err != nil {
		return fmt.Errorf("commit frame: %w", err)
	}
	end := entries[len(entries)-1].Mark()
	if notified {
		t.store.SetNotified(end.Position) // A5; otherwise A7: not notified until the peer catches up
	}
	t.measured.updates.Add(uint64(len(entries)))
	t.measured.commit.Observe(time.Since(began))
	t.committed(end)
	if slices.ContainsFunc(entries, func(e history.Stored) bool { return len(e.Entry.Outbox) > 0 }) {
		t.left(entries)
	}
	return nil
}

// replicate has a frame made durable in both journals at the same time and returns when all required have it.
func (t *term) replicate(ctx context.Context, entries []history.Stored, needed bool) (notified bool, err error) {
	known, began := t.store.Committed().Position, time.Now()
	var there <-chan struct{}
	if needed {
		there = t.other.Offer(entries, known) // A4
		defer t.other.Withdraw()
	}
	if err := t.home(ctx, entries, known); err != nil { // A3
		return false, err
	}
	t.measured.journal.Observe(time.Since(began))
	t.update(func() { t.flight.own = true })
	for needed {
		required, changed := t.requires()
		select {
		case <-there:
			t.measured.replication.Observe(time.Since(began))
			return true, nil
		default:
		}
		if !required {
			return false, nil // A6 is main's decision, and this is how it arrives
		}
		select {
		case <-there:
		case <-changed:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
	return false, nil
}

// home appends to the own journal. A journal that has reached its bound has room again when bolt has applied more.
func (t *term) home(ctx context.Context, entries []history.Stored, known position.Position) error {
	for {
		_, room := t.room()
		err := t.own.Append(ctx, entries, known)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !errors.Is(err, journal.ErrFull):
			return fmt.Errorf("append to this host's journal: %w", err)
		}
		t.hurry()
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// abandon answers the calls whose outcome is unknown, and those whose commits were not evaluated.
func (t *term) abandon(deferred []deferredReply) {
	t.queue.Close()
	for _, h := range deferred {
		h.call.answer(bus.DatabaseReply{Code: bus.CodeUnknown, Message: "the term ended before the update was confirmed: it may still take effect"})
	}
	for _, c := range t.queue.Take() {
		c.answer(nobody("the term has ended"))
	}
}

// depart notes that a frame leaves and says whether the other host must have it.
func (t *term) depart(last position.Position) (needed bool) {
	t.update(func() {
		needed = t.required
		t.flight = flight{since: t.clock(), last: last, needed: needed}
	})
	return needed
}

func (t *term) arrived() { t.update(func() { t.flight = flight{} }) }

// require says from the next frame on whether the other host must have it. A frame that waits for it no longer does
// when it is not required any more.
func (t *term) require(other bool) { t.update(func() { t.required = other }) }

// requires says what holds now, and gives a channel that is closed when that may have changed.
func (t *term) requires() (bool, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.required, t.changed
}

// between waits until every frame that left before the call, without the other host being required, has arrived. What
// is committed then is all that came before the frames which need the other host (R4).
func (t *term) between(ctx context.Context) error {
	for {
		t.mu.Lock()
		old, changed := t.flight.since != 0 && !t.flight.needed, t.changed
		t.mu.Unlock()
		if !old {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// atHome waits until the update at p is durable in the own journal, or committed.
func (t *term) atHome(ctx context.Context, p position.Position) error {
	for {
		t.mu.Lock()
		there, changed := t.flight.last == p && t.flight.own, t.changed
		t.mu.Unlock()
		if there || !t.store.Committed().Position.Before(p) {
			return nil
		}
		select {
		case <-changed:
		case <-t.ended:
			return errTermEnded
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (t *term) update(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
	close(t.changed)
	t.changed = make(chan struct{})
}

// inFlight is the frame on its way, for the heartbeat.
func (t *term) inFlight() flight {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.flight
}
