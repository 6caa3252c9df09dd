package main

import (
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/role/explore/plan"
)

// event is one thing that may happen next.
type event struct {
	what what
	host uint8
	arg  uint8
}

type what uint8

// Events. Those before evTick are owed: time does not go on while one of them can happen, unless lateness is spent.
const (
	evBeat      what = iota // the other host's main hears host's beat
	evReply                 // host hears the reply
	evMessage               // message arg arrives
	evOrder                 // host's updater carries out its next order
	evApply                 // the arbiter gets request arg
	evAnswer                // answer arg of the arbiter arrives
	evRead                  // host's oldest read is answered with what stands in the register now
	evAsked                 // host's terminals answer
	evEvidence              // host's dialers see what is
	evFacts                 // host's updater was restarted and tells what is on disk
	evProbe                 // host's updater begins a replication session
	evFeed                  // host's updater sends committed history
	evMeet                  // the other host has all that host's updater was to hold for it, and notes
	evFrame                 // frame arg arrives
	evExit                  // host's main ends
	evKeep                  // host's main has its own copy of the record written
	evAttach                // host attaches terminal arg
	evSeen                  // host's terminal-if tells main of the terminals
	evTick                  // time goes on
	evWrite                 // a terminal writes at host
	evStart                 // a host that is down starts
	evThaw                  // a frozen host goes on
	evFix                   // cut or lie arg ends
	evOldRead               // host's oldest read is answered with what stood in the register when it was sent
	evLateApply             // the arbiter gets request arg although its sender is cut off or has given up
	evGiveUp                // the sender of request arg gives up; cut off, this is no fault
	evLost                  // the answer arg is lost with the connection; cut off, this is no fault
	evDelayed               // what was delayed arrives, arg
	evTurn                  // from now on what is owed happens in the reverse order
	evFault                 // the first of the faults, see faultEvent
)

// stalled is the thaw of a main that first learns how long it was stalled: always a whole lease, the longest excuse.
const stalled = 1

// faultEvent is a fault of a kind, with its target: a host, and what of it.
func faultEvent(k plan.Kind, host, arg int) event {
	return event{evFault + what(k), uint8(host), uint8(arg)}
}

// owed lists what is on its way and can happen now.
func (w *world) owed(to []event) []event {
	for i := range w.hosts {
		h := &w.hosts[i]
		u := uint8(i)
		if w.beats[i] != nil && w.linkOpen(i) && w.works(1-i) {
			to = append(to, event{evBeat, u, 0})
		}
		if !w.works(i) {
			continue
		}
		if w.replies[i] != nil && w.linkOpen(1-i) {
			to = append(to, event{evReply, u, 0})
		}
		if w.canOrder(i) {
			to = append(to, event{evOrder, u, 0})
		}
		if len(h.reads) > 0 {
			to = append(to, event{evRead, u, 0})
		}
		if h.asked != 0 {
			to = append(to, event{evAsked, u, 0})
		}
		if h.evidence != w.sees(i) {
			to = append(to, event{evEvidence, u, 0})
		}
		if !h.upd.up {
			to = append(to, event{evFacts, u, 0})
		}
		if w.canProbe(i) {
			to = append(to, event{evProbe, u, 0})
		}
		if w.canFeed(i) {
			to = append(to, event{evFeed, u, 0})
		}
		if w.canMeet(i) {
			to = append(to, event{evMeet, u, 0})
		}
		if h.exiting {
			to = append(to, event{evExit, u, 0})
		}
		if w.canKeep(i) {
			to = append(to, event{evKeep, u, 0})
		}
		to = w.owedTerminals(to, i)
	}
	for k, m := range w.messages {
		if w.works(m.to) && w.linkOpen(1-m.to) {
			to = append(to, event{evMessage, uint8(m.to), uint8(k)})
		}
	}
	for k := range w.frames {
		if w.canFrame(k) {
			to = append(to, event{evFrame, 0, uint8(k)})
		}
	}
	for k, q := range w.requests {
		if !q.ghost && w.witnessOpen(q.host) {
			to = append(to, event{evApply, uint8(q.host), uint8(k)})
		}
	}
	for k, a := range w.answers {
		if w.works(a.host) && w.witnessOpen(a.host) {
			to = append(to, event{evAnswer, uint8(a.host), uint8(k)})
		}
	}
	return to
}

// move is an event and how much disorder it takes.
type move struct {
	event
	odd bool
}

// moves lists all that may happen now. While disorder is bounded, what is owed happens in a fixed order, or in its
// reverse, and what nobody owes (a host starts, a terminal writes) when nothing is owed; anything else is disorder.
func (w *world) moves(to []move, buffer []event) []move {
	bounded := w.faults.Left[plan.Disorder] != plan.AnyOrder
	spent := bounded && w.faults.Left[plan.Disorder] == 0
	list := w.owed(buffer[:0])
	owed := len(list)
	first := 0
	if w.reverse {
		first = owed - 1
	}
	for k, e := range list {
		if odd := bounded && k != first; !odd || !spent {
			to = append(to, move{e, odd})
		}
	}
	for _, e := range w.unowed(buffer[:0]) {
		if odd := bounded && owed > 0; !odd || !spent {
			to = append(to, move{e, odd})
		}
	}
	if owed == 0 {
		to = append(to, move{event{evTick, 0, 0}, false})
	}
	if bounded && !spent && owed > 1 {
		to = append(to, move{event{evTurn, 0, 0}, true})
	}
	if w.faults.Total > 0 {
		for _, e := range w.faulty(buffer[:0], owed > 0) {
			to = append(to, move{e, false})
		}
	}
	return to
}

// unowed lists what may happen but need not.
func (w *world) unowed(to []event) []event {
	for i := range w.hosts {
		h := &w.hosts[i]
		u := uint8(i)
		switch {
		case !h.up:
			to = append(to, event{evStart, u, 0})
		case h.frozen:
			if !w.rules.Witnessless { // else it has to know
				to = append(to, event{evThaw, u, 0})
			}
			to = append(to, event{evThaw, u, stalled})
		default:
			if w.canWrite(i) {
				to = append(to, event{evWrite, u, 0})
			}
			if len(h.reads) > 0 && w.witnessOpen(i) && h.reads[0].revision != w.shown(i).revision {
				to = append(to, event{evOldRead, u, 0})
			}
		}
		if h.lied {
			to = append(to, event{evFix, u, fixLie})
		}
		if h.unkept {
			to = append(to, event{evFix, u, fixCopy})
		}
		for k := range w.terms.Len() {
			if w.terms.Cut(k, i) {
				to = append(to, event{evFix, u, fixTerminal + uint8(k)})
			}
		}
	}
	for k := range w.delayed {
		if w.canArrive(k) {
			to = append(to, event{evDelayed, 0, uint8(k)})
		}
	}
	for _, c := range w.cuts() {
		to = append(to, event{evFix, 0, c})
	}
	for k, q := range w.requests {
		if q.ghost || !w.witnessOpen(q.host) {
			to = append(to, event{evLateApply, uint8(q.host), uint8(k)})
		}
		if !q.ghost && w.works(q.host) && !w.witnessOpen(q.host) {
			to = append(to, event{evGiveUp, uint8(q.host), uint8(k)})
		}
	}
	for k, a := range w.answers {
		if w.works(a.host) && !w.witnessOpen(a.host) {
			to = append(to, event{evLost, uint8(a.host), uint8(k)})
		}
	}
	return to
}

// cuts lists what was cut together, to be fixed together.
func (w *world) cuts() (cuts []uint8) {
	if peer := w.cut & (cutLinkAB | cutLinkBA | cutReplication); peer != 0 {
		cuts = append(cuts, peer)
	}
	for _, c := range []uint8{cutWitnessA, cutWitnessB} {
		if w.cut&c != 0 {
			cuts = append(cuts, c)
		}
	}
	return cuts
}

// faulty lists the faults that may happen now.
func (w *world) faulty(to []event, owed bool) []event {
	add := func(k plan.Kind, host, arg int) {
		if w.faults.Has(k) {
			to = append(to, faultEvent(k, host, arg))
		}
	}
	both := w.hosts[0].up && w.hosts[1].up
	for i := range w.hosts {
		h := &w.hosts[i]
		if h.up {
			add(plan.Crash, i, 0)
		}
		if w.works(i) {
			add(plan.Freeze, i, 0)
			if h.upd.up {
				add(plan.UpdaterCrash, i, 0)
			}
			if h.upd.session != 0 {
				add(plan.SessionEnd, i, 0)
			}
			if len(h.reads) > 0 && w.witnessOpen(i) {
				add(plan.OldRead, i, 0)
			}
			if w.faults.Has(plan.Force) {
				if f := h.m.Force(); f.Against == "" && !f.Needless {
					add(plan.Force, i, 0)
				}
			}
			v := h.m.View()
			if !v.Stopping {
				add(plan.Stop, i, 0)
				if v.Serving || v.Role == role.Standby {
					add(plan.Pause, i, 0)
					if v.PausedUntil != 0 {
						add(plan.Pause, i, 1)
					}
				}
				if v.Serving {
					add(plan.Switchover, i, 0)
					add(plan.ProcessFailed, i, 0)
				}
			}
		}
		w.faultyWitnessless(add, i)
		if both && !h.lied {
			add(plan.Lie, i, 0)
		}
		if w.beats[i] != nil {
			add(plan.Loss, i, 0)
			add(plan.Delay, i, 0)
			if w.linkOpen(i) && w.works(1-i) {
				add(plan.Doubling, i, 0)
			}
		}
		if w.replies[i] != nil {
			add(plan.Loss, i, 1)
			add(plan.Delay, i, 1)
			if w.linkOpen(1-i) && w.works(i) {
				add(plan.Doubling, i, 1)
			}
		}
		if w.witnessOpen(i) && !w.rules.Witnessless {
			add(plan.CutWitness, i, 0)
		}
		if !owed {
			add(plan.SlowClock, i, 0)
		}
	}
	if both && w.cut&(cutLinkAB|cutLinkBA|cutReplication) == 0 {
		add(plan.CutLink, 0, cutLinkAB|cutLinkBA)
		add(plan.CutLink, 0, cutLinkAB)
		add(plan.CutLink, 0, cutLinkBA)
		add(plan.CutRepl, 0, cutReplication)
		add(plan.CutPeer, 0, cutLinkAB|cutLinkBA|cutReplication)
	}
	if w.faults.Has(plan.Lost) {
		for _, loss := range w.losable() {
			add(plan.Lost, 0, loss)
		}
	}
	for k, m := range w.messages {
		add(plan.Loss, 0, 16+k)
		add(plan.Delay, 0, 16+k)
		if w.linkOpen(1-m.to) && w.works(m.to) {
			add(plan.Doubling, 0, 16+k)
		}
	}
	for k := range w.frames {
		add(plan.Delay, 0, 32+k)
	}
	if owed {
		add(plan.Lateness, 0, 0)
	}
	for k, q := range w.requests {
		if !q.ghost && w.works(q.host) && w.witnessOpen(q.host) {
			add(plan.ArbiterDoubt, q.host, k)
		}
	}
	for k, a := range w.answers {
		if w.works(a.host) && w.witnessOpen(a.host) && !w.rules.Witnessless {
			add(plan.ArbiterDoubt, a.host, 16+k)
		}
	}
	return to
}

// sees is what host's dialers find of the other host now.
func (w *world) sees(i int) role.PeerEvidence {
	h, o := &w.hosts[i], &w.hosts[1-i]
	link := w.linkOpen(0) && w.linkOpen(1)
	e := h.evidence
	switch {
	case h.lied:
		return role.PeerEvidence{Link: evidence.Refused, Replication: evidence.Refused}
	case o.frozen:
		return e // connections stand; silence is what the machine counts
	}
	seen := func(open, up bool, before evidence.State) evidence.State {
		switch {
		case !open:
			return evidence.Silent
		case up:
			return evidence.Connected
		case before == evidence.Silent:
			return evidence.Silent // nobody has ever answered there, so a refusal says nothing
		}
		return evidence.Refused
	}
	e.Link = seen(link, o.up, e.Link)
	e.Replication = seen(w.cut&cutReplication == 0, o.up && o.upd.up, e.Replication)
	return e
}
