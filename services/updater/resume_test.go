package updater

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// stalledOwn is an own journal that takes nothing after the entry that opens the term.
type stalledOwn struct{ ownJournal }

func (j stalledOwn) Append(ctx context.Context, entries []history.Stored, committed position.Position) error {
	if entries[0].Entry.Kind == history.KindBegan {
		return j.ownJournal.Append(ctx, entries, committed)
	}
	<-ctx.Done()
	return ctx.Err()
}

// deafOther is the journal of another host that never gets what is offered.
type deafOther struct{ otherJournal }

func (deafOther) Offer([]history.Stored, position.Position) <-chan struct{} {
	return make(chan struct{})
}

// pairServing is a pair in sync, a active in epoch 1.
func pairServing(t testing.TB) (a, b *host) {
	t.Helper()
	a, b = newHosts(t)
	a.start()
	b.start()
	a.lead(1, false)
	a.pairUp(1)
	return a, b
}

var resumed = bus.Serve{Epoch: 1, RecordVersion: 1, Resume: true, RequirePeer: true}

// TestResume_V2OnlyTheOtherHostHasTheFrame: the other journal acknowledged a frame, this process ended before it had it
// itself, or knew. The frame is adopted, and its positions are not used again.
func TestResume_V2OnlyTheOtherHostHasTheFrame(t *testing.T) {
	a, b := pairServing(t)
	a.stop()
	a.own = func(j ownJournal) ownJournal { return stalledOwn{j} }
	a.start()
	a.serve(resumed)
	x := a.begin(request{ID: drafttest.Counter(1), Epoch: 1, Operations: []bus.Operation{drafttest.Put("x", "1")}})
	b.await("it has the frame", func(s bus.UpdaterState) bool { return s.Position.Sequence == 2 })
	a.await("it has not", func(s bus.UpdaterState) bool { return s.FramesInFlight == 1 && s.OwnStuck && s.Position.Sequence == 1 })
	a.stop()
	if r := receive(t, "the answer", x); r.Code != bus.CodeUnknown {
		t.Errorf("answered %+v", r)
	}

	a.own = nil
	a.start()
	if got := a.serve(resumed); got.Sequence != 2 {
		t.Errorf("the term goes on at %v", got)
	}
	if got := a.get("x"); got != "1@2" {
		t.Errorf("x is %s", got)
	}
	again := receive(t, "the repeated answer", a.begin(request{ID: drafttest.Counter(1), Epoch: 1, Operations: []bus.Operation{drafttest.Put("x", "1")}}))
	if again.Recorded == nil || again.Position.Sequence != 2 {
		t.Errorf("R7: repeated as %+v", again)
	}
	if got := a.put(1, "y", "1"); got.Position.Sequence != 3 {
		t.Errorf("the next update is at %v", got.Position)
	}
}

// TestResume_OnlyTheOwnJournalHasTheFrame: the other way round it is sent, then it is committed.
func TestResume_OnlyTheOwnJournalHasTheFrame(t *testing.T) {
	a, b := pairServing(t)
	a.stop()
	a.other = func(j otherJournal) otherJournal { return deafOther{j} }
	a.start()
	a.serve(resumed)
	x := a.begin(request{Epoch: 1, Operations: []bus.Operation{drafttest.Put("x", "1")}})
	a.await("it has the frame", func(s bus.UpdaterState) bool { return s.Position.Sequence == 2 && s.FramesInFlight == 1 && !s.OwnStuck })
	quiet(t, "an answer", x)
	a.stop()
	receive(t, "the answer", x)

	a.other = nil
	a.start()
	a.serve(resumed)
	if got := a.get("x"); got != "1@2" {
		t.Errorf("x is %s", got)
	}
	// Nothing follows that would tell it.
	b.await("it knows that the frame is committed", func(s bus.UpdaterState) bool { return s.Committed.Sequence == 2 })
}

// TestResume_UnreadableOther: with the other host in the set and away, the term can't go on; the next epoch can, alone.
func TestResume_UnreadableOther(t *testing.T) {
	a, b := pairServing(t)
	a.put(1, "x", "1")
	a.stop()
	b.stop()
	a.config.StandbyPatience = time.Minute // what ends the wait is that the other host refuses
	a.start()
	if err := refused(a, bus.CallServe, resumed); !errors.Is(err, bus.ErrUnreadable) {
		t.Fatalf("refused with %v", err)
	}
	if r := a.call(bus.DatabaseCall{Read: &bus.Read{}}); r.Code != bus.CodeNobody {
		t.Errorf("answers %+v", r)
	}
	a.lead(2, false)
	if got := a.get("x"); got != "1@2" {
		t.Errorf("x is %s", got)
	}
}

// TestResume_OnlyOfATermThatWasBegun: an epoch that was won but never made durable is abandoned.
func TestResume_OnlyOfATermThatWasBegun(t *testing.T) {
	a, _ := newHosts(t)
	a.start()
	if err := refused(a, bus.CallServe, resumed); errors.Is(err, bus.ErrUnreadable) {
		t.Errorf("refused with %v", err)
	}
	ordered(a, bus.CallPrepare, bus.Prepare{Epoch: 1})
	a.stop()
	a.start()
	refused(a, bus.CallServe, bus.Serve{Epoch: 1})
	a.lead(1, false)
	a.put(1, "x", "1")
	a.stop()
	a.start()
	a.serve(bus.Serve{Epoch: 1, RecordVersion: 1, Resume: true})
	if got := a.get("x"); got != "1@2" {
		t.Errorf("alone in the set: x is %s", got)
	}
}

// TestOrders_RepeatedAndReplaced: main may repeat an order, and may change its mind.
func TestOrders_RepeatedAndReplaced(t *testing.T) {
	a, b := pairServing(t)
	first := a.serve(bus.Serve{Epoch: 1, RecordVersion: 1})
	if again := a.serve(bus.Serve{Epoch: 1, RecordVersion: 1}); again != first {
		t.Errorf("served at %v, again at %v", first, again)
	}
	refused(a, bus.CallServe, bus.Serve{Epoch: 5})
	refused(a, bus.CallPrepare, bus.Prepare{Epoch: 1})
	b.stop()
	x := a.begin(request{Epoch: 1, Operations: []bus.Operation{drafttest.Put("x", "1")}})
	a.await("a frame waits", func(s bus.UpdaterState) bool { return s.FramesInFlight == 1 })

	// A drain waits for the frame; repeated, it is the same drain; without the other host it ends.
	drain := bus.Drain{Epoch: 1}
	if d, err := tryOrder(a, bus.CallDrain, drain, 50*time.Millisecond); err == nil {
		t.Fatalf("drained %+v with a frame in flight", d)
	}
	drained := make(chan bus.Drained, 1)
	go func() {
		d, err := tryOrder(a, bus.CallDrain, drain, patience)
		if err != nil {
			t.Errorf("drain: %v", err)
		}
		drained <- d
	}()
	quiet(t, "the end of the drain", drained)
	if late := receive(t, "a late answer", a.begin(request{Epoch: 1, Operations: []bus.Operation{drafttest.Put("y", "1")}})); late.Code != bus.CodeNobody {
		t.Errorf("a draining host takes %+v", late)
	}
	ordered(a, bus.CallRequire, bus.Require{Epoch: 1})
	if d := receive(t, "the end of the drain", drained); d.Position.Sequence != 2 {
		t.Errorf("drained %+v", d)
	}
	if r := receive(t, "the answer", x); r.Code != bus.CodeOK {
		t.Errorf("answered %+v", r)
	}
}

// TestOrders_StandbyEndsWhatWaits: whatever main ordered before, standby comes through.
func TestOrders_StandbyEndsWhatWaits(t *testing.T) {
	a, b := pairServing(t)
	b.stop()
	x := a.begin(request{Epoch: 1, Operations: []bus.Operation{drafttest.Put("x", "1")}})
	a.await("a frame waits", func(s bus.UpdaterState) bool { return s.FramesInFlight == 1 })
	required := make(chan error, 1)
	go func() {
		_, err := tryOrder(a, bus.CallRequire, bus.Require{Peer: true, Epoch: 1, Membership: membership.Note{Version: 9}}, patience)
		required <- err
	}()
	quiet(t, "an answer to require", required)
	ordered(a, bus.CallStandby, bus.Standby{Epoch: 4})
	if err := receive(t, "the end of require", required); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("require ended with %v", err)
	}
	if r := receive(t, "the answer", x); r.Code != bus.CodeUnknown {
		t.Errorf("answered %+v", r)
	}
	f := ordered(a, bus.CallFacts, bus.FactsRequest{})
	if f.Epoch != 4 || f.Position.Sequence != 2 {
		t.Errorf("what was not committed stays in the journal: %+v", f)
	}
	a.await("standby", func(s bus.UpdaterState) bool { return s.Epoch == 0 && s.Committed.Sequence == 1 })
}

// TestOrders_FactsAreDurable: what main was told is noted is there after a restart.
func TestOrders_FactsAreDurable(t *testing.T) {
	a, _ := newHosts(t)
	a.start()
	before := ordered(a, bus.CallFacts, bus.FactsRequest{})
	for _, n := range []bus.Note{
		{PairID: "pair", RecordVersion: 7},
		{Epoch: 3, RecordVersion: 5, Membership: &membership.Note{Version: 6, Epoch: 3, Out: true}},
	} {
		ordered(a, bus.CallNote, n)
	}
	a.stop()
	a.start()
	want := bus.Facts{Host: "a", Identity: before.Identity, PairID: "pair", Epoch: 3, RecordVersion: 7,
		Note: membership.Note{Version: 6, Epoch: 3, Out: true}}
	if diff := cmp.Diff(want, ordered(a, bus.CallFacts, bus.FactsRequest{})); diff != "" {
		t.Error(diff)
	}
}

// TestRun_EndsWithoutItsBus: a process whose main is gone has no purpose; nor can two share a data directory.
func TestRun_EndsWithoutItsBus(t *testing.T) {
	a, _ := newHosts(t)
	a.start()
	second := a.config
	second.Replication = processtest.Address(t)
	if err := Run(context.Background(), second, testLog(t, "second")); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("a second updater: %v", err)
	}
	a.main.Close()
	a.server.Stop()
	err := receive(t, "the end", a.ended)
	a.cancel = nil
	if !errors.Is(err, bus.ErrDisconnected) {
		t.Errorf("ended with %v", err)
	}
	foreign := a.config
	foreign.Name = config.Name{Host: "c"}
	if err := Run(context.Background(), foreign, testLog(t, "foreign")); !errors.Is(err, storage.ErrForeign) {
		t.Errorf("another host's data: %v", err)
	}
}
