package role_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/membership"
	. "github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/storage/position"
)

// TestFault_A5_TheRecordIsDeletedUnderAPair: an entry deleted as a key-value delete does it wedged the pair, force too: an attempt that
// had lost against the empty entry waited for an hour, and a register was filled again only if it had never been written.
func TestFault_A5_TheRecordIsDeletedUnderAPair(t *testing.T) { playStories(t, "fault_A5_*.txt") }

// TestFault_A6_WhatARefusalSaysToDoWorks: a witness that was replaced, then one restart of a main, stopped the service, and each refusal
// named a remedy that was refused too.
func TestFault_A6_WhatARefusalSaysToDoWorks(t *testing.T) { playStories(t, "fault_A6_*.txt") }

// TestFault_A11_AWitnessRestoredFromAnOlderCopy: with nobody serving both hosts refused, and force was refused; and a host that had been
// dropped took over by a record from before, while the host that knew better was there to tell.
func TestFault_A11_AWitnessRestoredFromAnOlderCopy(t *testing.T) { playStories(t, "fault_A11_*.txt") }

// TestFault_E1_TwoHostsThatAgreeWriteTheRecordBack: a witness wiped, rolled back or replaced while nobody served wedged the pair for good,
// though both hosts lived, saw each other and agreed.
func TestFault_E1_TwoHostsThatAgreeWriteTheRecordBack(t *testing.T) { playStories(t, "fault_E1_*.txt") }

// TestFault_E3_ARefusalWithoutTheWitnessSaysWhatToDo: pause and force were refused while the witness was away, rightly, and no more was said.
func TestFault_E3_ARefusalWithoutTheWitnessSaysWhatToDo(t *testing.T) {
	playStories(t, "fault_E3_*.txt")
}

// TestFault_A16_TheSurvivorOfAForcedRestore: a restored host leapt from the numbers of its backup only, so an older backup, or one that was
// restored for the second time, came out below what a host knew that was down meanwhile; that one refused it for good, and nothing said what to do.
func TestFault_A16_TheSurvivorOfAForcedRestore(t *testing.T) { playStories(t, "fault_A16_*.txt") }

// TestFault_E6_AStaleHostAndAWitnessThatWentBack: what can't be prevented while the host that knows better is down is said when it returns,
// and an operator decides which history counts.
func TestFault_E6_AStaleHostAndAWitnessThatWentBack(t *testing.T) { playStories(t, "fault_E6_*.txt") }

// TestFault_C2_TheRepairOfARecordThatWasMadeUp: what the operations guide says to do works.
func TestFault_C2_TheRepairOfARecordThatWasMadeUp(t *testing.T) { playStories(t, "fault_C2_*.txt") }

// inSync is a standby, b, of a pair in epoch 1, and the record that the witness has.
func inSync(t *testing.T) (m *Machine, record Record, active PeerView) {
	t.Helper()
	a, b := Member{Host: "a", Identity: "ia"}, Member{Host: "b", Identity: "ib"}
	record = Record{PairID: "pair", WitnessID: "W", Version: 3, Epoch: 1, Active: a, InSync: []Member{a, b}, LongestLease: time.Second}
	m = New(Config{Host: "b", Lease: time.Second, StandbyPatience: 2 * time.Second, RefusedIsDead: true}, time.Hour)
	m.Step(time.Hour, FactsRead{Identity: "ib", PairID: "pair", Epoch: 1, Note: membership.Note{Version: 3, Epoch: 1}, RecordVersion: 3, Position: position.Position{Epoch: 1, Sequence: 9}})
	m.Step(time.Hour, Fitness{Fit: true})
	m.Step(time.Hour, PeerEvidence{Link: evidence.Connected, Replication: evidence.Connected})
	m.Step(time.Hour, RecordRead{Record: record, Revision: 3, WitnessID: "W"})
	active = PeerView{Member: a, Incarnation: 1, Steps: 1, PairID: "pair", WitnessID: "W", Role: Active, Epoch: 1, Known: 1, Record: record, Revision: 3, Seen: 3, Lease: time.Second, Serving: true, Reads: true}
	m.Step(time.Hour, PeerBeat{Peer: active})
	if ok, why := m.Eligible(); !ok {
		t.Fatal(why)
	}
	return m, record, active
}

// TestFault_C2_ARecordInABeatIsOnlyAHint: one beat with a record of version 2^64-1 became durable on both hosts before anybody had asked
// the witness, and stopped them for good. Whatever a beat says, all that comes of it is one more question to the witness, and once its like
// is not heard any more the host takes over as ever.
func TestFault_C2_ARecordInABeatIsOnlyAHint(t *testing.T) {
	b := Member{Host: "b", Identity: "ib"}
	for name, lie := range map[string]func(p *PeerView){
		"the highest version":          func(p *PeerView) { p.Record.Version = math.MaxUint64 },
		"the highest version seen":     func(p *PeerView) { p.Seen = math.MaxUint64 },
		"the highest epoch":            func(p *PeerView) { p.Record.Version, p.Record.Epoch = 4, math.MaxUint64 },
		"the highest epoch known":      func(p *PeerView) { p.Known = math.MaxUint64 },
		"the next version":             func(p *PeerView) { p.Record.Version, p.Seen = 4, 4 },
		"the next epoch, of this host": func(p *PeerView) { p.Record.Version, p.Record.Epoch, p.Record.Active, p.Seen = 4, 2, b, 4 },
		"a forced epoch":               func(p *PeerView) { p.Record.Version, p.Record.Epoch, p.Record.Forced, p.Seen = 4, 2, 2, 4 },
		"a set without this host":      func(p *PeerView) { p.Record.Version, p.Record.InSync, p.Seen = 4, p.Record.InSync[:1], 4 },
		"a pause": func(p *PeerView) {
			p.Record.Version, p.Record.Pause, p.Seen = 4, Pause{For: LongestPause, Until: time.Unix(1<<40, 0)}, 4
		},
		"another record of one version": func(p *PeerView) { p.Record.Epoch, p.Record.Active = 2, b },
		"a record of another pair":      func(p *PeerView) { p.Record.Version, p.Record.PairID, p.Seen = 9, "another", 9 },
	} {
		t.Run(name, func(t *testing.T) {
			m, record, p := inSync(t)
			p.Record.InSync = append([]Member(nil), record.InSync...)
			lie(&p)
			p.Steps++
			now := time.Hour + time.Millisecond
			for _, a := range m.Step(now, PeerBeat{Peer: p}) {
				switch a.(type) {
				case ReadRecord, AnswerBeat:
				default:
					t.Errorf("%T %+v", a, a)
				}
			}
			for _, a := range m.Step(now, RecordRead{Record: record, Revision: 3, WitnessID: "W"}) {
				switch a.(type) {
				case ReadRecord:
				default:
					t.Errorf("once the witness has answered: %T %+v", a, a)
				}
			}
			if v := m.View(); !v.Record.Equal(record) || v.Known != 1 {
				t.Errorf("it knows record %+v and epoch %d", v.Record, v.Known)
			}
			// The host it claims to be is gone.
			var takes []uint64
			do := func(actions []Action) {
				for _, a := range actions {
					switch a := a.(type) {
					case ReadRecord:
						m.Step(now, RecordRead{Record: record, Revision: 3, WitnessID: "W"})
					case Prepare:
						takes = append(takes, a.Epoch)
					}
				}
			}
			do(m.Step(now, PeerEvidence{Link: evidence.Refused, Replication: evidence.Refused}))
			for until := now + 3*time.Second; now < until; now += 100 * time.Millisecond {
				do(m.Step(now, Tick{}))
			}
			if len(takes) != 1 || takes[0] != 2 {
				t.Errorf("it takes over as %d, want epoch 2 once: %s", takes, m.View().Waiting)
			}
		})
	}
}

// TestFault_C2_NoRecordIsOutOfReach: also from the witness a record is refused that no pair can have come to, with what to do, and nothing of
// it becomes durable. The one that the hosts write to an empty witness counts at once.
func TestFault_C2_NoRecordIsOutOfReach(t *testing.T) {
	for name, change := range map[string]func(r *Record){
		"version": func(r *Record) { r.Version = math.MaxUint64 },
		"epoch":   func(r *Record) { r.Version, r.Epoch = 4, 1<<62 },
		"leap":    func(r *Record) { r.Version += 2 + 1<<32 },
	} {
		m, record, _ := inSync(t)
		written := record
		change(&written)
		for _, a := range m.Step(time.Hour, RecordRead{Record: written, Revision: 4, WitnessID: "W"}) {
			if _, reads := a.(ReadRecord); !reads {
				t.Errorf("%s: %T %+v", name, a, a)
			}
		}
		ok, why := m.Eligible()
		if v := m.View(); ok || !v.Record.Equal(record) || !strings.Contains(why, "made up") {
			t.Errorf("%s: eligible %t, record %+v: %s", name, ok, v.Record, why)
		}
		m.Step(time.Hour, RecordRead{Record: record, Revision: 1, WitnessID: "W"})
		if ok, why := m.Eligible(); !ok {
			t.Errorf("%s: the true record does not count: %s", name, why)
		}
	}
	// A leap by force, and one hundred of them, are no lies.
	for _, leap := range []uint64{1, membership.LostStride, 100 * membership.LostStride} {
		m, record, _ := inSync(t)
		record.Version, record.Epoch = record.Version+leap, record.Epoch+leap
		m.Step(time.Hour, RecordRead{Record: record, Revision: 4, WitnessID: "W"})
		if v := m.View(); !v.Record.Equal(record) {
			t.Errorf("a leap of %d is refused: %s", leap, v.Foreign)
		}
	}
}

// TestFault_A16_DataOfNoPair: a directory that was put together by hand has data and no pair. The host says so, and once it has an empty
// one, as it says to do, it waits for nothing but the other host.
func TestFault_A16_DataOfNoPair(t *testing.T) {
	for _, c := range []struct {
		facts FactsRead
		want  string
	}{
		{FactsRead{Identity: "old"}, "this host holds data but belongs to no pair: start it with an empty directory, or restore a backup"},
		{FactsRead{Identity: "new", Empty: true}, "no pair record yet: both empty hosts must see each other and the witness"},
	} {
		m := New(Config{Host: "b", Lease: time.Second}, time.Hour)
		m.Step(time.Hour, c.facts)
		m.Step(time.Hour, RecordRead{Empty: true, WitnessID: "W"})
		if ok, why := m.Eligible(); ok || why != c.want {
			t.Errorf("%+v: eligible %t: %s", c.facts, ok, why)
		}
	}
}
