package updater

import (
	"fmt"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/storage/position"
)

// TestPair_ServesSoloThenPaired: the life of a pair from its first update on.
func TestPair_ServesSoloThenPaired(t *testing.T) {
	a, b := newHosts(t)
	a.start()
	if f := ordered(a, bus.CallFacts, bus.FactsRequest{}); !f.Empty || f.Identity == "" || f.Host != "a" {
		t.Errorf("facts of an empty host: %+v", f)
	}
	if r := a.call(bus.DatabaseCall{Read: &bus.Read{Keys: [][]byte{[]byte("x")}}}); r.Code != bus.CodeNobody {
		t.Errorf("a host without a term answers %+v", r)
	}
	if got := a.lead(1, false); got != (position.Position{Epoch: 1, Sequence: 1}) {
		t.Errorf("the term begins at %v", got)
	}
	a.put(1, "x", "1")
	if got := a.get("x"); got != "1@2" {
		t.Errorf("read-your-write: %s", got)
	}
	if r := receive(t, "an answer", a.begin(request{Epoch: 2, Operations: []bus.Operation{drafttest.Put("x", "2")}})); r.Code != bus.CodeNobody {
		t.Errorf("a commit of another epoch: %+v", r)
	}

	b.start()
	a.pairUp(1)
	b.await("the note (R4)", func(s bus.UpdaterState) bool { return s.Note.Version == 2 && s.Note.Epoch == 1 && !s.Note.Out })
	last := a.put(1, "y", "1")
	b.await("the update is in both", func(s bus.UpdaterState) bool { return s.Committed == last.Position })
	a.await("notified (A5)", func(s bus.UpdaterState) bool { return s.Notified == last.Position })
	b.await("applied", func(s bus.UpdaterState) bool { return s.Applied == last.Position })

	b.stop()
	waiting := a.begin(request{Epoch: 1, Operations: []bus.Operation{drafttest.Put("z", "1")}})
	a.await("a frame waits (R3)", func(s bus.UpdaterState) bool {
		return s.FramesInFlight == 1 && s.OldestFrame > 50*time.Millisecond && !s.OwnStuck
	})
	quiet(t, "an answer without the other host", waiting)
	ordered(a, bus.CallRequire, bus.Require{Epoch: 1})
	if r := receive(t, "the answer", waiting); r.Code != bus.CodeOK {
		t.Fatalf("got %+v", r)
	}
	last = a.put(1, "z", "2")
	a.await("not notified (A7)", func(s bus.UpdaterState) bool { return s.Committed == last.Position && s.Notified.Before(last.Position) })
	page := ordered(a, bus.CallHistory, bus.HistoryRequest{})
	if n := len(page.Updates); n != 5 || page.Updates[0].Kind != "began" || page.Updates[n-1].Notified || !page.Updates[n-3].Notified {
		t.Errorf("history: %+v", page)
	}

	b.start()
	a.await("handed over what was not notified", func(s bus.UpdaterState) bool { return s.Notified == last.Position })
	a.pairUp(1)
	a.put(1, "z", "3")
}

// TestPair_Switchover: drain, take over, and the old active follows.
func TestPair_Switchover(t *testing.T) {
	a, b := newHosts(t)
	a.start()
	b.start()
	a.lead(1, false)
	a.pairUp(1)
	for i := range 20 {
		a.put(1, fmt.Sprint("k", i), "v")
	}
	d := ordered(a, bus.CallDrain, bus.Drain{Epoch: 1, Membership: &membership.Note{Version: 3, Epoch: 2}})
	if d.Position.Sequence != 21 {
		t.Fatalf("drained: %+v", d)
	}
	if again := ordered(a, bus.CallDrain, bus.Drain{Epoch: 1}); again != d {
		t.Errorf("drained again: %+v", again)
	}
	if f := ordered(a, bus.CallFacts, bus.FactsRequest{}); f.Note.Version != 3 {
		t.Errorf("the note of the drained host: %+v", f)
	}
	if r := a.call(bus.DatabaseCall{Read: &bus.Read{}}); r.Code != bus.CodeNobody {
		t.Errorf("a drained host answers %+v", r)
	}
	p := ordered(b, bus.CallPrepare, bus.Prepare{Epoch: 2, AtLeast: d.Position})
	if p.Position != d.Position {
		t.Fatalf("prepared: %+v", p)
	}
	b.serve(bus.Serve{Epoch: 2, RecordVersion: 3, RequirePeer: true})
	ordered(a, bus.CallStandby, bus.Standby{Epoch: 2})
	b.put(2, "k0", "w")
	if got := b.get("k0"); got != "w@23" {
		t.Errorf("after the switchover: %s", got)
	}
	b.await("held", func(s bus.UpdaterState) bool { return s.Peer == bus.PeerAwaited && s.Epoch == 2 })
	a.await("follows", func(s bus.UpdaterState) bool { return s.Committed.Sequence == 23 && s.Epoch == 0 })
	a.await("the same history", func(s bus.UpdaterState) bool {
		return s.Digest == b.await("any", func(bus.UpdaterState) bool { return true }).Digest
	})
}

// TestPair_TakeoverAdoptsTheTail: what the dead active had made durable here is served, acknowledged or not (R1).
func TestPair_TakeoverAdoptsTheTail(t *testing.T) {
	a, b := newHosts(t)
	a.start()
	b.start()
	a.lead(1, false)
	a.pairUp(1)
	last := a.put(1, "x", "1")
	a.stop()
	low, err := tryOrder(b, bus.CallPrepare, bus.Prepare{Epoch: 2, AtLeast: position.Position{Epoch: 1, Sequence: 99}}, patience)
	if err == nil || low.Position != last.Position {
		t.Errorf("prepared below what was acknowledged: %+v, %v", low, err)
	}
	ordered(b, bus.CallPrepare, bus.Prepare{Epoch: 2, AtLeast: last.Position})
	refused(b, bus.CallServe, bus.Serve{Epoch: 3})
	b.lead(2, false)
	if got := b.get("x"); got != "1@2" {
		t.Errorf("after the takeover: %s", got)
	}
	b.put(2, "x", "2")
	// The old active returns as standby.
	a.start()
	b.pairUp(2)
	b.put(2, "x", "3")
}

// TestPair_ReleaseOpensTheJournalAgain: a takeover that did not happen leaves a standby as it was.
func TestPair_ReleaseOpensTheJournalAgain(t *testing.T) {
	a, b := newHosts(t)
	a.start()
	b.start()
	a.lead(1, false)
	a.pairUp(1)
	a.put(1, "x", "1")
	ordered(b, bus.CallPrepare, bus.Prepare{Epoch: 2})
	waiting := a.begin(request{Epoch: 1, Operations: []bus.Operation{drafttest.Put("x", "2")}})
	a.await("the other host takes nothing (R5)", func(s bus.UpdaterState) bool { return s.FramesInFlight == 1 && s.OldestFrame > 50*time.Millisecond })
	quiet(t, "an answer", waiting)
	ordered(b, bus.CallRelease, bus.Release{})
	if r := receive(t, "the answer", waiting); r.Code != bus.CodeOK {
		t.Errorf("got %+v", r)
	}
}

// TestPair_TakeBack: when the successor dies, the drained active takes the next epoch itself (T3).
func TestPair_TakeBack(t *testing.T) {
	a, b := pairServing(t)
	last := a.put(1, "x", "1")
	if d := ordered(a, bus.CallDrain, bus.Drain{Epoch: 1}); d.Position != last.Position {
		t.Fatalf("drained: %+v", d)
	}
	b.stop()
	a.lead(2, false)
	if got := a.get("x"); got != "1@2" {
		t.Errorf("x is %s", got)
	}
	a.put(2, "x", "2")
	b.start()
	a.pairUp(2)
}

// TestPair_SnapshotWhenHistoryIsTrimmed: a host that the history no longer reaches gets a copy, and is not fit until it has it.
func TestPair_SnapshotWhenHistoryIsTrimmed(t *testing.T) {
	a, b := newHosts(t)
	a.config.HistoryMaxUpdates, b.config.HistoryMaxUpdates = 50, 50
	a.start()
	a.lead(1, false)
	var answers []<-chan bus.DatabaseReply
	for i := range 3000 {
		answers = append(answers, a.begin(request{Epoch: 1, Operations: []bus.Operation{drafttest.Put(fmt.Sprint("k", i), "v")}}))
	}
	for _, c := range answers {
		receive(t, "the answer", c)
	}
	// Trimming goes in step with applying.
	for i := 0; ordered(a, bus.CallHistory, bus.HistoryRequest{}).First < 100; i++ {
		before := a.put(1, "trim", fmt.Sprint(i))
		a.await("applied", func(s bus.UpdaterState) bool { return !s.Applied.Before(before.Position) })
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		a.await("copying", func(s bus.UpdaterState) bool { return s.Peer == bus.PeerReceiving || s.Peer == bus.PeerClose })
	}()
	b.start()
	receive(t, "a copy", copied)
	a.pairUp(1)
	last := a.put(1, "x", "1")
	s := b.await("the copy with all that followed", func(s bus.UpdaterState) bool { return s.Applied == last.Position && !s.Inconsistent })
	if got := a.await("any", func(s bus.UpdaterState) bool { return s.Committed == last.Position }); got.Digest != s.Digest {
		t.Errorf("digests %s and %s", got.Digest, s.Digest)
	}
	a.stop()
	b.lead(2, false)
	if got := b.get("k2999"); got != "v@3001" {
		t.Errorf("k2999 is %s", got)
	}
}
