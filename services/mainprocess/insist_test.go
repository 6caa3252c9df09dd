package mainprocess

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/role"
)

// upWhile says which processes are up.
type upWhile map[string]bool

func (u upWhile) IsUp(name string) bool { return u[name] }

// TestFault_A4_OrdersAreGivenUntilTheyAreCarriedOut: an order to be standby that was refused, or not answered, was warned of and
// forgotten. It is given again while it is wanted and its process is up, and no longer.
func TestFault_A4_OrdersAreGivenUntilTheyAreCarriedOut(t *testing.T) {
	p := newDrainPair(t, time.Minute)
	up := upWhile{bus.ProcessUpdater: true, bus.ProcessTerminalInterface: true}
	p.performer.processes = up
	p.is(role.Standby, 0, lease.Right{})
	p.on(func() { p.perform(role.BecomeStandby{Epoch: 9}) })
	p.answer(p.order(bus.CallDetach.Subject()), bus.Done{})
	p.refuse(p.order(bus.CallStandby.Subject()), "too many orders wait")
	again := p.order(bus.CallStandby.Subject())
	var order bus.Standby
	if err := bus.DecodeJSON(again.Data, &order); err != nil || order.Epoch != 9 {
		t.Errorf("the order given again: %+v, %v", order, err)
	}
	p.answer(again, bus.Done{})
	p.quiet("it was carried out")

	p.on(func() { p.perform(role.Release{}) })
	late := p.order(bus.CallRelease.Subject())
	p.is(role.Takeover, 0, lease.Right{}) // now it is wanted no more
	p.refuse(late, "too many orders wait")
	time.Sleep(2 * orderAgain)
	p.quiet("another role has begun")

	p.is(role.Standby, 0, lease.Right{})
	p.on(func() { p.perform(role.Release{}) })
	gone := p.order(bus.CallRelease.Subject())
	p.on(func() { delete(up, bus.ProcessUpdater) }) // it starts without a term
	p.refuse(gone, "it ends")
	time.Sleep(2 * orderAgain)
	p.quiet("its process is down")
}

// TestFault_A4_TerminalsAreAttachedUntilTheyAre: an order to attach that was not answered was reported and forgotten.
func TestFault_A4_TerminalsAreAttachedUntilTheyAre(t *testing.T) {
	p := newDrainPair(t, time.Minute)
	p.performer.processes = upWhile{bus.ProcessTerminalInterface: true}
	p.makeAuditor()
	p.is(role.Active, 7, lease.Right{Epoch: 7, Until: p.clock() + time.Minute})
	p.on(func() { p.perform(role.AttachTerminals{Epoch: 7}) })
	p.refuse(p.order(bus.CallAttach.Subject()), "busy")
	var order bus.Attach
	if err := bus.DecodeJSON(p.order(bus.CallAttach.Subject()).Data, &order); err != nil || order.Epoch != 7 || order.Counter != 2 || !order.Resumed {
		t.Errorf("the order given again: %+v, %v", order, err)
	}
}

// TestFault_A4_WhatWasLearnedIsNotedUntilItIs: the pair, the highest record and the epoch that a host must know after a restart were
// ordered to be written once. What came while the updater was down was forgotten.
func TestFault_A4_WhatWasLearnedIsNotedUntilItIs(t *testing.T) {
	p := newDrainPair(t, time.Minute)
	p.performer.processes = upWhile{bus.ProcessTerminalInterface: true}
	ended := make(chan error, 1)
	go func() { ended <- p.learned.Run(p.ctx) }()
	p.is(role.Standby, 0, lease.Right{})
	p.on(func() { p.perform(role.WriteFacts{PairID: "pair", RecordVersion: 5}) })
	first := p.order(bus.CallNote.Subject())
	p.on(func() { p.perform(role.WriteFacts{PairID: "pair", RecordVersion: 7, Epoch: 3}) })
	p.refuse(first, "it ends")
	for {
		var note bus.Note
		m := p.order(bus.CallNote.Subject())
		if err := bus.DecodeJSON(m.Data, &note); err != nil || note.PairID != "pair" || note.RecordVersion < 5 {
			t.Fatalf("noted again: %+v, %v", note, err)
		}
		p.answer(m, bus.Done{})
		if note.RecordVersion == 7 {
			if note.Epoch != 3 { // the updater lets the active of an epoch in once main has noted it
				t.Errorf("noted: %+v", note)
			}
			break
		}
	}
	p.on(func() { p.perform(role.BecomeStandby{Epoch: 9}) }) // the updater is down: it starts as standby, and must know the epoch
	p.answer(p.order(bus.CallDetach.Subject()), bus.Done{})
	p.refuse(p.order(bus.CallStandby.Subject()), "it ends")
	var note bus.Note
	m := p.order(bus.CallNote.Subject())
	if err := bus.DecodeJSON(m.Data, &note); err != nil || note.Epoch != 9 {
		t.Errorf("noted: %+v, %v", note, err)
	}
	p.answer(m, bus.Done{})
}
