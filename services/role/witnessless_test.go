package role_test

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/membership"
	. "github.com/hotpair/hotpair/services/role"
)

// Without a witness, the active lost the standby, acknowledged updates alone and died. The standby, which had been frozen or cut off, took
// over as if it still held everything, and those updates were lost. It knew better: it had slept, or the terminals had
// told it that the other one served them. Now it waits for the other host, as after a restart.
func TestFault_A4_TheOtherHostWentOnAlone(t *testing.T) { playStories(t, "fault_A4_*.txt") }

// Without a witness, b's compare-and-set in its own copy of the record won although b had read of a higher epoch of a meanwhile. It was active
// for ever then, in an epoch that was no longer the record's: nobody was answered by it, and it was no standby either.
func TestFault_A4_ATakeoverWonUnderAHigherEpoch(t *testing.T) {
	now := time.Hour
	a, b := Member{Host: "a", Identity: "a"}, Member{Host: "b", Identity: "b"}
	both := Record{PairID: "p", Version: 3, Epoch: 2, Active: a, InSync: []Member{a, b}, LongestLease: testLease}
	m := New(Config{Host: "b", PairID: "p", Lease: testLease, RefusedIsDead: true, Witnessless: true}, now)
	var actions []Action
	step := func(in Input) { actions = append(actions, m.Step(now, in)...) }
	hear := func(p PeerView) {
		p.Member, p.Identity, p.PairID = a, "a", "p"
		step(PeerBeat{Peer: p})
	}
	step(FactsRead{Identity: "b", PairID: "p", Epoch: 2, RecordVersion: 3, Note: membership.Note{Version: 3, Epoch: 2}})
	step(Fitness{Fit: true})
	step(Terminals{Warm: 1})
	step(RecordRead{Record: both, Revision: localRevision(both)})
	step(PeerEvidence{Link: evidence.Connected, Replication: evidence.Connected})
	hear(PeerView{Incarnation: 1, Steps: 1, Role: Active, Epoch: 2, Record: both, Revision: localRevision(both)})
	step(PeerEvidence{Link: evidence.Refused, Replication: evidence.Refused})
	for _, action := range actions {
		switch action := action.(type) {
		case Prepare:
			step(Prepared{Serial: action.Serial})
		case AskTerminals:
			step(TerminalsAsked{Serial: action.Serial, Asked: 1})
		}
	}
	var write WriteRecord
	for _, action := range actions {
		if w, ok := action.(WriteRecord); ok {
			write = w
		}
	}
	if m.Role() != Takeover || write.Record.Epoch != 3 {
		t.Fatalf("b is %s and writes %+v", m.Role(), write.Record)
	}
	next := both
	next.Version, next.Epoch, next.InSync = 4, 4, []Member{a}
	step(PeerEvidence{Link: evidence.Connected, Replication: evidence.Connected})
	hear(PeerView{Incarnation: 2, Steps: 1, Role: Active, Epoch: 4, Record: next, Revision: localRevision(next)})
	step(RecordWritten{Ticket: write.Ticket, Outcome: Won, Revision: localRevision(write.Record)})
	if v := m.View(); v.Role != Standby || v.Record.Epoch != 4 {
		t.Errorf("b is %s, epoch %d, and knows epoch %d of %s", v.Role, v.Epoch, v.Record.Epoch, v.Record.Active.Host)
	}
}

// Without a witness, a takeover waited for ever for a terminal that was asked and is gone: more had been asked than there were.
func TestFault_A4_ATerminalGoesDuringATakeover(t *testing.T) {
	now := time.Hour
	a, b := Member{Host: "a", Identity: "a"}, Member{Host: "b", Identity: "b"}
	both := Record{PairID: "p", Version: 3, Epoch: 2, Active: a, InSync: []Member{a, b}, LongestLease: testLease}
	m := New(Config{Host: "b", PairID: "p", Lease: testLease, RefusedIsDead: true, Witnessless: true}, now)
	actions := []Action{}
	step := func(in Input) { actions = append(actions, m.Step(now, in)...) }
	step(FactsRead{Identity: "b", PairID: "p", Epoch: 2, RecordVersion: 3, Note: membership.Note{Version: 3, Epoch: 2}})
	step(Fitness{Fit: true})
	step(Terminals{Warm: 3})
	step(RecordRead{Record: both, Revision: localRevision(both)})
	step(PeerEvidence{Link: evidence.Connected, Replication: evidence.Connected})
	step(PeerBeat{Peer: PeerView{Member: a, PairID: "p", Incarnation: 1, Steps: 1, Role: Active, Epoch: 2, Record: both, Revision: localRevision(both)}})
	step(PeerEvidence{Link: evidence.Silent, Replication: evidence.Silent})
	for reached := 3; now < time.Hour+10*time.Second; now += testLease / 8 {
		step(Tick{})
		for ; len(actions) > 0; actions = actions[1:] {
			switch action := actions[0].(type) {
			case Prepare:
				step(Prepared{Serial: action.Serial})
			case AskTerminals:
				asked := reached
				reached = 2
				step(Terminals{Warm: reached})
				step(TerminalsAsked{Serial: action.Serial, Asked: asked, Silent: asked - reached})
			case WriteRecord:
				return
			}
		}
	}
	t.Errorf("b is %s and has taken nothing after ten seconds", m.Role())
}
