package role_test

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/evidence"
	. "github.com/hotpair/hotpair/services/role"
)

const beatInterval = testLease / 8

// heardOnce is a machine that has heard the other main once, at the time given.
func heardOnce(at time.Duration) *Machine {
	m := New(Config{Host: "b", PairID: "p", Lease: testLease}, at)
	m.Step(at, FactsRead{Identity: "b"})
	m.Step(at, PeerEvidence{Link: evidence.Connected, Replication: evidence.Connected})
	m.Step(at, PeerBeat{Peer: PeerView{Member: Member{Host: "a", Identity: "a"}, Incarnation: 1, Steps: 1}})
	return m
}

// The time for which a main was stalled excuses the other main's silence; it does not make what it said before newer than it is: an old
// active that said before a takeover that it serves would then have said so after it.
func TestTick_AStallMakesNothingHeard(t *testing.T) {
	const heard, late = time.Hour, testLease * 3 / 4
	m := heardOnce(heard)
	m.Step(heard+late, Tick{Stalled: late - beatInterval})
	if v := m.View(); !v.Lives || v.HeardAt != heard {
		t.Errorf("lives %t, heard at %v, which was at %v", v.Lives, v.HeardAt, heard)
	}
}

// A main that is always late, by less than gets it killed, still finds out that the other one is silent.
func TestTick_AlwaysStalledStillNoticesSilence(t *testing.T) {
	for _, passed := range []time.Duration{beatInterval * 2, beatInterval * 5 / 2, testLease, 2 * testLease} {
		now := time.Hour
		m := heardOnce(now)
		turns := 0
		for ; m.View().Lives; turns++ {
			if turns > 8 {
				t.Fatalf("woken each %v it never notices", passed)
			}
			now += passed
			m.Step(now, TickAfter(passed, beatInterval))
			m.Step(now, Tick{})
		}
		t.Logf("woken each %v: noticed after %d turns", passed, turns)
	}
}
