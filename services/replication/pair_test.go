package replication

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/services/link"
	"github.com/hotpair/hotpair/services/link/linktest"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/storage/divergent"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
)

func TestPair_CatchesUpAndHolds(t *testing.T) {
	a, b := newPair(t)
	a.serve(1, b)
	a.work(50, "history")
	a.awaitState(bus.PeerClose)
	a.hold()
	if n := b.facts.Get().Note; n != (membership.Note{Version: 3, Epoch: 1}) {
		t.Fatal("not noted:", n)
	}
	if b.facts.Get().PairID != "pair" || b.facts.Get().Epoch != 1 {
		t.Fatal(b.facts.Get())
	}
	a.work(50, "live")
	if end := b.l.End(); end != a.l.End() {
		if err := b.l.Read(context.Background()); err != nil {
			t.Fatal(err)
		}
		if end := b.l.End(); end != a.l.End() {
			t.Fatal(end, a.l.End())
		}
	}
	same(t, a, b) // an idle standby applies the last frame too
	t.Log(a.states)
}

// A standby that was away gets what it lacks; frames that wait for it meanwhile are not lost.
func TestPair_StandbyRestarts(t *testing.T) {
	a, b := newPair(t)
	a.serve(1, b)
	a.awaitState(bus.PeerClose)
	a.hold()
	a.work(20, "before")
	b.stop()
	a.sender.Release()
	a.required = false
	a.work(20, "alone")
	b.start()
	a.awaitState(bus.PeerClose)
	a.hold()
	a.work(20, "after")
	same(t, a, b)
}

// A frame waits over the standby's restart and is there once.
func TestPair_FrameWaitsOverRestart(t *testing.T) {
	a, b := newPair(t)
	a.serve(1, b)
	a.awaitState(bus.PeerClose)
	a.hold()
	a.work(5, "before")
	b.stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.work(5, "waiting")
	}()
	select {
	case <-done:
		t.Fatal("frames did not wait for the standby")
	case <-time.After(100 * time.Millisecond):
	}
	b.start()
	<-done
	same(t, a, b)
}

// V2: the standby acknowledges a frame, the active's updater is killed before it knows, restarts in place, and finds it.
func TestPair_V2_OnePositionTwoUpdates(t *testing.T) {
	a, b := newPair(t)
	a.serve(7, b)
	a.awaitState(bus.PeerClose)
	a.hold()
	a.work(5, "before")
	// The frame reaches b and not a's own journal.
	lost := journaltest.Chain(t, a.store.Committed(), 7, 3, "the one")
	there := a.sender.Offer(lost, a.store.Committed().Position)
	select {
	case <-there:
	case <-time.After(10 * time.Second):
		t.Fatal("not taken")
	}
	a.stop()
	a.remote = nil
	a.start()
	a.dial(b)
	a.mu.Lock()
	a.allow = errors.New("active itself")
	a.mu.Unlock()
	tail, err := ReadPeer(journaltest.Within(t, 10*time.Second), a.senderConfig(7, nil), a.l.End())
	if err != nil {
		t.Fatal(err)
	}
	if tail.Diverged || len(tail.Entries) != 3 || tail.End != journaltest.End(lost) {
		t.Fatal(tail.End, len(tail.Entries), tail.Diverged)
	}
	// A late frame of the session before is refused, and one with another content is void even if it lands.
	if _, err := b.j.Grant(journal.Term{Epoch: 7, Session: 1}); !errors.Is(err, journal.ErrFenced) {
		t.Fatal(err)
	}
	late := frameOf(journal.Term{Epoch: 7, Session: 1}, tail.End, journaltest.Chain(t, tail.End, 7, 1, "late"))
	if _, err := b.j.Append(context.Background(), encoded(t, late)); err != nil {
		t.Fatal(err)
	}
	// a adopts, and goes on under a new session.
	session := uint64(0)
	if err := a.facts.Update(func(d *facts.Data) error { d.Session++; session = d.Session; return nil }); err != nil {
		t.Fatal(err)
	}
	ctx := journaltest.Within(t, 10*time.Second)
	if _, _, err := a.receiver.Fence(ctx, journal.Fence{Term: journal.Term{Epoch: 7, Session: session}, Host: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := a.l.Append(ctx, tail.Entries, a.store.Committed().Position); err != nil {
		t.Fatal(err)
	}
	var backlog []history.Stored
	a.l.View(func(t *journal.Tail) {
		backlog = t.After(a.store.Committed().Position.Sequence, t.End().Position.Sequence)
	})
	a.serve(7, b, backlog...)
	a.required = true
	if err := a.sender.Hold(ctx, journaltest.End(backlog).Position, membership.Note{}); err != nil {
		t.Fatal(err)
	}
	if err := a.store.Commit(backlog...); err != nil {
		t.Fatal(err)
	}
	a.work(5, "after")
	same(t, a, b)
	if len(b.divergent) != 0 {
		t.Fatal("b kept as divergent", b.divergent)
	}
}

// V6: (i) the standby takes over while replication still works: the old active's frames are refused and never count.
func TestPair_V6_AckedButIgnored(t *testing.T) {
	a, b := newPair(t)
	a.serve(7, b)
	a.awaitState(bus.PeerClose)
	a.hold()
	a.work(10, "before")
	acked := a.store.Committed()
	b.serve(8, a)
	if b.l.End().Position.Epoch != 8 {
		t.Fatal(b.l.End())
	}
	lost := journaltest.Chain(t, acked, 7, 2, "never acknowledged")
	there := a.sender.Offer(lost, acked.Position)
	if err := a.l.Append(journaltest.Within(t, 5*time.Second), lost, acked.Position); err != nil {
		t.Fatal(err)
	}
	processtest.Await(t, "a is refused", func() bool {
		s := a.sender.State()
		return s.State == bus.PeerRefused && errors.Is(s.Err, ErrStale) && s.Epoch == 8
	})
	select {
	case <-there:
		t.Fatal("a frame of the lower epoch was acknowledged")
	default:
	}
	b.work(10, "epoch 8")
	// a steps down: its tail is kept as divergent, cut, and it goes on as standby.
	a.stopTerm()
	a.mu.Lock()
	a.allow = nil
	a.mu.Unlock()
	b.awaitState(bus.PeerClose)
	b.hold()
	b.work(10, "together")
	same(t, b, a)
	if len(a.divergent) != 1 || a.divergent[0].Updates != 2 || a.divergent[0].Committed != 0 {
		t.Fatal(a.divergent)
	}
	file, err := divergent.Read(a.divergent[0].Path)
	if err != nil || len(file.Records) != 2 || string(file.Records[0]) != string(lost[0].Raw) {
		t.Fatal(file, err)
	}
	// The cut is honoured after a restart, also when bolt had applied nothing beyond it.
	a.stop()
	a.start()
	if a.l.End() != b.l.End() {
		t.Fatal(a.l.End(), b.l.End())
	}
}

// A cable that is cut without a word: frames wait, and nothing is lost or doubled when it heals.
func TestPair_CutCable(t *testing.T) {
	a, b := newPair(t)
	cable := linktest.NewRelay(t, b.j.Address())
	b.address = cable.Addr().String()
	a.serve(1, b)
	a.awaitState(bus.PeerClose)
	a.hold()
	for range 3 {
		a.work(5, "before")
		cable.Set(true)
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.work(5, "waiting")
		}()
		processtest.Await(t, "silence", func() bool { return a.remote.Evidence().State == evidence.Silent })
		select {
		case <-done:
			t.Fatal("frames did not wait")
		default:
		}
		cable.Set(false)
		<-done
	}
	same(t, a, b)
}

// A takeover is quick: everything received is known already, so it is one marker, and the frames of the moment.
func TestPair_TakeoverFence(t *testing.T) {
	a, b := newPair(t)
	a.serve(1, b)
	a.awaitState(bus.PeerClose)
	a.hold()
	a.work(300, "frames")
	began := time.Now()
	end, broken, err := b.receiver.Fence(journaltest.Within(t, 10*time.Second), journal.Fence{Term: journal.Term{Epoch: 2, Session: 0}, Host: "b"})
	if err != nil || broken != nil || end != a.l.End() {
		t.Fatal(end, broken, err)
	}
	t.Logf("fenced in %v", time.Since(began))
}

// An idle pair looks seldom whether the other updater still answers. A frame that waits finds out by itself, and is there once
// when the other host can be reached again.
func TestPair_WaitingFrameFindsSilence(t *testing.T) {
	a, b := newPair(t)
	relay := linktest.NewRelay(t, b.address)
	a.dialAs(link.RemoteConfig{Host: "a", Peer: "b", Address: relay.Addr().String(), Password: secret, Ping: time.Hour, Handshake: 300 * time.Millisecond, Logger: a.log})
	a.serve(1, b)
	a.awaitState(bus.PeerClose)
	a.hold()
	a.work(5, "before")
	relay.Set(true) // what was sent from here on is gone, so only new connections can bring it
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.work(1, "waiting")
	}()
	processtest.Await(t, "silence", func() bool { return a.remote.Evidence().State == evidence.Silent })
	select {
	case <-done:
		t.Fatal("a frame is acknowledged that nobody holds")
	default:
	}
	relay.Set(false)
	<-done
	a.work(5, "after")
	same(t, a, b)
}
