package role_test

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/membership"
	. "github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/storage/position"
)

// lastActive makes a host without a witness that was the last active, in epoch 2, and was restarted; the record is read last.
func lastActive(before ...Input) (*Machine, []Action) {
	m := New(Config{Host: "a", Lease: time.Second, StandbyPatience: 2 * time.Second, Witnessless: true}, time.Hour)
	self := Member{Host: "a", Identity: "ia"}
	m.Step(time.Hour, FactsRead{Identity: "ia", PairID: "pair", Epoch: 2, Note: membership.Note{Version: 3, Epoch: 2}, RecordVersion: 3, Position: position.Position{Epoch: 2, Sequence: 9}})
	m.Step(time.Hour, Fitness{Fit: true})
	for _, in := range before {
		m.Step(time.Hour, in)
	}
	return m, m.Step(time.Hour, RecordRead{Record: Record{PairID: "pair", Version: 3, Epoch: 2, Active: self, InSync: []Member{self}}, Revision: 7})
}

// TestFault_A10_AnEpochThatCanNotBeIsNotBelieved: without a witness one terminal that claimed an absurd epoch kept a host from ever
// serving. Most of the terminals have to say it, and the pair must be able to have come there.
func TestFault_A10_AnEpochThatCanNotBeIsNotBelieved(t *testing.T) {
	for _, c := range []struct {
		most     uint64
		eligible bool
	}{{0, true}, {2, true}, {3, false}, {1_000_002, false}, {1 << 62, true}, {1<<64 - 1, true}} {
		m, _ := lastActive(Terminals{Warm: 1, MostEpoch: c.most})
		if ok, why := m.Eligible(); ok != c.eligible {
			t.Errorf("most terminals say epoch %d: eligible %t, %s", c.most, ok, why)
		}
	}
}

// TestFault_A10_AnAbsurdEpochOfTheOtherHostIsNotTaken: the epoch of a takeover is above what the other main says that it knows; at the
// end of the numbers that began again from 0, and no epoch was ever free.
func TestFault_A10_AnAbsurdEpochOfTheOtherHostIsNotTaken(t *testing.T) {
	for known, want := range map[uint64]uint64{0: 4, 5: 6, 1_000_002: 1_000_004, 1<<64 - 1: 4, 1 << 63: 4} {
		p := PeerView{Member: Member{Host: "b", Identity: "ib"}, Incarnation: 1, PairID: "pair", Role: Standby, Known: known, Lease: time.Second}
		var epoch uint64
		_, actions := lastActive(PeerBeat{Peer: p})
		for _, a := range actions {
			if prepare, ok := a.(Prepare); ok {
				epoch = prepare.Epoch
			}
		}
		if epoch != want {
			t.Errorf("the other host knows epoch %d: epoch %d is taken, want %d", known, epoch, want)
		}
	}
}

// TestFault_A16_ForceIsAboveWhatMostTerminalsSay: a host that was restored for the second time was forced to an epoch below the one in which
// most terminals had been served, so each of them refused it until somebody went there.
func TestFault_A16_ForceIsAboveWhatMostTerminalsSay(t *testing.T) {
	for most, want := range map[uint64]uint64{0: 1_000_003, 1_000_005: 2_000_006, 1 << 62: 1_000_003} {
		m := New(Config{Host: "a", Lease: time.Second, StandbyPatience: 2 * time.Second}, time.Hour)
		m.Step(time.Hour, FactsRead{Identity: "ia", PairID: "pair", Epoch: 2, Note: membership.Note{Out: true}, Position: position.Position{Epoch: 2, Sequence: 9}})
		m.Step(time.Hour, Fitness{Fit: true})
		m.Step(time.Hour, Terminals{Warm: 3, MostEpoch: most})
		m.Step(time.Hour, RecordRead{Empty: true, WitnessID: "W"})
		var epoch uint64
		for _, a := range m.Step(time.Hour, ForceWanted{By: "an operator", Unknown: true}) {
			if prepare, ok := a.(Prepare); ok {
				epoch = prepare.Epoch
			}
		}
		if epoch != want {
			t.Errorf("most terminals were served in epoch %d: epoch %d is taken, want %d", most, epoch, want)
		}
	}
}
