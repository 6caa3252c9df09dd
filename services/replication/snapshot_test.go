package replication

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
)

// trimmed makes a pair whose active no longer has the beginning of its history, and some megabytes of data.
func trimmed(t *testing.T) (a, b *host) {
	a, b = newHost(t, "a"), newHost(t, "b")
	a.options.MaxUpdates = 40
	a.start()
	b.start()
	b.refuse(errors.New("not yet"))
	a.serve(1, b)
	big := strings.Repeat("x", 60<<10)
	for range 60 {
		a.commit(journaltest.Chain(t, a.store.Committed(), 1, 4, big)...)
	}
	processtest.Await(t, "the history is trimmed", func() bool { return a.store.First() > 100 })
	return a, b
}

func (h *host) refuse(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.allow = err
}

// working commits in the background until stopped.
func (h *host) working(text string) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				h.work(1, text)
			}
		}
	}()
	return func() { close(done); wg.Wait() }
}

// TestPair_T8SnapshotEndsWhileUpdatesGoOn: the history is trimmed to forty updates, and updates go on all the while. What the copy started
// from is pinned until it is through, so it comes to an end.
func TestPair_T8SnapshotEndsWhileUpdatesGoOn(t *testing.T) {
	a, b := trimmed(t)
	stop := a.working("meanwhile")
	b.refuse(nil)
	processtest.Await(t, "the copy begins", func() bool { return b.receiver.State().Inconsistent })
	a.awaitState(bus.PeerClose)
	stop()
	a.hold()
	a.work(5, "after")
	same(t, a, b)
	processtest.Await(t, "consistent", func() bool { return !b.receiver.State().Inconsistent })
	if err := b.store.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
	if b.facts.Get().Identity == a.facts.Get().Identity {
		t.Fatal("the copy carried the identity")
	}
}

// A copy goes on where it was after the receiver, the sender, or both restart, while the active goes on committing.
func TestPair_SnapshotIsResumed(t *testing.T) {
	a, b := trimmed(t)
	stop := a.working("meanwhile")
	b.refuse(nil)
	part := func(n uint64) {
		t.Helper()
		processtest.Await(t, "part of the copy", func() bool {
			p, ok := b.store.Receiving()
			return ok && (p.Ranges >= n || p.Done)
		})
	}
	part(2)
	b.stop()
	p := b.facts.Get().Receiving
	if p == nil {
		t.Fatal("not inconsistent in the middle of a copy")
	}
	base := p.Base
	b.start()
	before, ok := b.store.Receiving()
	if !ok || before.Base != base || before.Ranges < 2 {
		t.Fatal(before, ok)
	}
	part(before.Ranges + 2)
	if p, ok := b.store.Receiving(); !ok || p.Base != base {
		t.Fatal("the copy did not go on where it was", p.Base, base, ok)
	}
	// The sender restarts within its term.
	stop()
	a.stopTerm()
	a.serve(1, b)
	stop = a.working("later")
	a.awaitState(bus.PeerClose)
	stop()
	a.hold()
	a.work(3, "after")
	same(t, a, b)
	processtest.Await(t, "consistent", func() bool { return !b.receiver.State().Inconsistent })
	if err := b.store.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// A database that is ahead after a forced promotion is kept as divergent, loudly, and replaced by a copy.
func TestPair_AppliedDivergenceIsReplaced(t *testing.T) {
	a, b := newPair(t)
	a.serve(1, b)
	a.awaitState(bus.PeerClose)
	a.hold()
	a.work(10, "common")
	same(t, a, b)
	common := a.store.Committed()
	a.required = false
	a.sender.Release()
	b.refuse(errors.New("cut off"))
	b.j.Revoke()
	a.work(5, "only a has them, acknowledged")
	processtest.Await(t, "a applies", func() bool { return a.store.Applied() == a.store.Committed() })
	lost := a.store.Committed().Position.Sequence - common.Position.Sequence
	a.stopTerm()
	// promote --force on b, which does not have them.
	b.serve(2, a)
	b.work(5, "forced")
	a.refuse(nil)
	b.awaitState(bus.PeerClose)
	b.hold()
	b.work(5, "together")
	same(t, b, a)
	updates, committed := 0, 0
	for _, f := range a.divergent {
		updates, committed = updates+f.Updates, committed+f.Committed
	}
	if updates != int(lost) || committed != int(lost) {
		t.Fatalf("kept as divergent %d, of which %d committed; want %d", updates, committed, lost)
	}
	a.stop()
	a.start()
	if a.l.End() != b.l.End() || a.facts.Get().Receiving != nil {
		t.Fatal(a.l.End(), b.l.End(), a.facts.Get().Receiving)
	}
}

// A standby whose journal is full makes the sender wait, and goes on when it has applied more.
func TestPair_JournalFull(t *testing.T) {
	a, b := newHost(t, "a"), newHost(t, "b")
	b.journal.MaxBytes = 3 << 20
	a.start()
	b.start()
	b.refuse(errors.New("not yet"))
	a.serve(1, b)
	big := strings.Repeat("x", 100<<10)
	for range 30 {
		a.commit(journaltest.Chain(t, a.store.Committed(), 1, 3, big)...)
	}
	b.refuse(nil)
	a.awaitState(bus.PeerClose)
	a.hold()
	for range 30 {
		a.commit(journaltest.Chain(t, a.store.Committed(), 1, 3, big)...)
	}
	same(t, a, b)
	if err := b.j.Err(); err != nil {
		t.Fatal(err)
	}
}

// A host that belongs to another pair, or has other data without a pair, is refused.
func TestPair_ForeignIsRefused(t *testing.T) {
	a, b := newHost(t, "a"), newHost(t, "b")
	a.start()
	b.start()
	if err := b.facts.Update(func(d *facts.Data) error { d.PairID = "another"; return nil }); err != nil {
		t.Fatal(err)
	}
	a.serve(1, b)
	processtest.Await(t, "refused", func() bool {
		s := a.sender.State()
		return s.State == bus.PeerRefused && errors.Is(s.Err, ErrForeign)
	})
	if b.facts.Get().Epoch != 0 || b.l.End() != (history.Mark{}) {
		t.Fatal("a refused hello left traces")
	}
}
