package replication

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
)

// A pair through restarts, takeovers with frames in flight, lost sessions and solo times: nothing that was acknowledged
// under the rules is ever lost, and both hosts end with the same database.
func TestPair_Chaos(t *testing.T) {
	rounds := 25
	if testing.Short() {
		rounds = 6
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	active, standby := newPair(t)
	active.serve(1, standby)
	active.awaitState("close")
	active.hold()
	epoch := uint64(1)
	var acked []history.Mark
	work := func(n int) {
		for range n {
			active.work(1, "chaos")
			acked = append(acked, active.store.Committed())
		}
	}
	solo := func() {
		active.sender.Release()
		active.required = false
	}
	pair := func() {
		active.awaitState("close")
		active.hold()
	}
	// stepDown ends a term with a frame somewhere on its way.
	stepDown := func() {
		ctx := journaltest.Within(t, 10*time.Second)
		entries := journaltest.Chain(t, active.store.Committed(), epoch, 1+rnd.IntN(3), "in flight")
		how := rnd.IntN(4)
		if how&1 != 0 {
			<-active.sender.Offer(entries, active.store.Committed().Position)
		}
		if how&2 != 0 {
			if err := active.l.Append(ctx, entries, active.store.Committed().Position); err != nil {
				t.Fatal(err)
			}
		}
		active.stopTerm()
		active.required = false
	}
	for round := range rounds {
		work(1 + rnd.IntN(6))
		switch event := rnd.IntN(6); event {
		case 0: // the standby is restarted, and frames wait
			standby.stop()
			standby.start()
		case 1: // the session is lost
			standby.j.Revoke()
		case 2: // a time alone
			standby.stop()
			solo()
			work(rnd.IntN(5))
			standby.start()
			work(rnd.IntN(5))
			pair()
		case 3, 4: // the standby takes over; the old active goes on as standby, restarted or not
			stepDown()
			if event == 4 {
				active.stop()
				active.start()
				active.remote = nil
			}
			active, standby = standby, active
			epoch++
			standby.refuse(nil)
			active.serve(epoch, standby)
			work(rnd.IntN(3))
			pair()
		case 5: // the active's updater restarts within its term
			stepDown()
			active.stop()
			active.remote = nil
			active.start()
			resume(t, active, standby, epoch)
		}
		for _, m := range acked {
			if d, err := active.store.DigestAt(m.Position.Sequence); err != nil || d != m.Digest {
				t.Fatalf("round %d: acknowledged %v is lost: %v", round, m.Position, err)
			}
		}
	}
	work(3)
	same(t, active, standby)
	for _, h := range []*host{active, standby} {
		for _, a := range h.divergent {
			if a.Committed > 0 {
				t.Errorf("%s kept as divergent committed updates: %+v", h.name, a)
			}
		}
	}
	t.Logf("%d epochs, %d frames acknowledged, ends at %v", epoch, len(acked), active.store.Committed().Position)
}

// resume goes on with a term after a restart, as the updater does: both tails are read first.
func resume(t *testing.T, h, peer *host, epoch uint64) {
	t.Helper()
	ctx := journaltest.Within(t, 20*time.Second)
	h.refuse(errors.New("active itself"))
	var session uint64
	if err := h.facts.Update(func(d *facts.Data) error { d.Session++; session = d.Session; return nil }); err != nil {
		t.Fatal(err)
	}
	end, broken, err := h.receiver.Fence(ctx, journal.Fence{Term: journal.Term{Epoch: epoch, Session: session}, Host: h.name})
	if err != nil || broken != nil {
		t.Fatal(err, broken)
	}
	h.dial(peer)
	tail, err := ReadPeer(ctx, h.senderConfig(epoch, nil), end)
	if err != nil || tail.Diverged {
		t.Fatal(err, tail.Diverged)
	}
	if len(tail.Entries) > 0 {
		if err := h.l.Append(ctx, tail.Entries, h.store.Committed().Position); err != nil {
			t.Fatal(err)
		}
	}
	var backlog []history.Stored
	h.l.View(func(tail *journal.Tail) {
		backlog = tail.After(h.store.Committed().Position.Sequence, tail.End().Position.Sequence)
	})
	h.serve(epoch, peer, backlog...)
	h.required = true
	upTo := h.store.Committed().Position
	if len(backlog) > 0 {
		upTo = journaltest.End(backlog).Position
	}
	if err := h.sender.Hold(ctx, upTo, noMembership); err != nil {
		t.Fatal("resume:", err, h.sender.State())
	}
	if err := h.store.Commit(backlog...); err != nil {
		t.Fatal(err)
	}
}
