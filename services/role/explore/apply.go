package main

import (
	"slices"

	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/role/explore/plan"
)

// apply makes an event happen, then looks whether a rule is broken.
func (w *world) apply(e event) {
	i, k := int(e.host), int(e.arg)
	h := &w.hosts[i]
	switch e.what {
	case evBeat:
		w.deliverBeat(i, false)
	case evReply:
		w.deliverReply(i, false)
	case evMessage:
		w.deliverMessage(k, false)
	case evOrder:
		w.order(i)
	case evApply, evLateApply:
		w.arbitrate(k)
	case evAnswer:
		a := w.answers[k]
		w.answers = slices.Delete(w.answers, k, k+1)
		if w.rules.Broken == plan.NoteAfter && a.in.Outcome == role.Won {
			h.disk.note = membership.Note{Version: w.register.record.Version, Epoch: w.register.record.Epoch}
		}
		w.step(i, a.in)
	case evRead:
		w.answerRead(i, w.shown(i))
	case evOldRead:
		w.answerRead(i, h.reads[0])
	case evAsked:
		serial := h.asked
		h.asked = 0
		w.step(i, w.asked(i, serial))
	case evEvidence:
		h.evidence = w.sees(i)
		w.step(i, h.evidence)
	case evFacts:
		h.upd = updater{up: true}
		w.loadCopy(i)
		w.step(i, w.facts(i))
		w.step(i, role.Fitness{Fit: true})
	case evProbe:
		w.probe(i)
	case evFeed:
		w.feed(i)
	case evMeet:
		w.meet(i)
	case evFrame:
		w.deliverFrame(k)
	case evExit:
		w.down(i)
	case evKeep:
		w.keep(i)
	case evAttach:
		w.terms.Attach(k, i, h.m.View().Epoch)
	case evSeen:
		h.seen = w.terms.Seen(i)
		w.step(i, h.seen)
	case evTick:
		w.pass(-1)
	case evWrite:
		w.write(i)
	case evStart:
		w.start(i)
	case evThaw:
		h.frozen = false
		if k == stalled {
			w.step(i, role.Tick{Stalled: lease})
		}
	case evFix:
		w.fix(i, uint8(k))
	case evGiveUp:
		w.giveUp(k)
	case evLost:
		w.lost(k)
	case evDelayed:
		w.arrive(k)
	case evTurn:
		w.reverse = !w.reverse
	default:
		w.fault(plan.Kind(e.what-evFault), i, k)
	}
	w.settle()
	w.check()
}

// fault makes a fault happen.
func (w *world) fault(f plan.Kind, i, k int) {
	w.faults.Spend(f)
	h := &w.hosts[i]
	switch f {
	case plan.Crash:
		w.down(i)
	case plan.Freeze:
		h.frozen = true
	case plan.CutLink, plan.CutPeer, plan.CutRepl:
		w.sever(uint8(k))
	case plan.CutWitness:
		w.cut |= cutWitnessA << i
	case plan.Loss:
		switch k {
		case 0:
			w.beats[i] = nil
		case 1:
			w.replies[i] = nil
		default:
			w.messages = slices.Delete(w.messages, k-16, k-15)
		}
	case plan.Delay:
		w.stall(i, k)
	case plan.OldRead:
		read := h.reads[0]
		h.reads = h.reads[1:]
		w.delayed = append(w.delayed, delayed{read: &read, host: i})
	case plan.Doubling:
		switch k {
		case 0:
			w.deliverBeat(i, true)
		case 1:
			w.deliverReply(i, true)
		default:
			w.deliverMessage(k-16, true)
		}
	case plan.Lateness:
		w.pass(-1)
	case plan.ArbiterDoubt:
		if k >= 16 {
			w.lost(k - 16)
		} else {
			w.giveUp(k)
		}
	case plan.UpdaterCrash:
		w.updaterDown(i)
	case plan.SessionEnd:
		w.endSession(i)
	case plan.SlowClock:
		w.pass(i)
	case plan.Lie:
		h.lied = true
	case plan.Lost:
		w.loseRecord(k)
	case plan.Unkept:
		h.unkept = true
	case plan.CopyGone:
		h.disk.record = role.Record{}
	case plan.CutTerminal:
		w.terms.Sever(k, i)
	case plan.Force:
		w.step(i, role.ForceWanted{By: "operator", Accepted: 1 << 40, Unknown: true})
	case plan.Pause:
		var p role.Pause // k == 1: the end of one
		if k == 0 {
			p = role.Pause{Until: wall(w.hosts[i].clock).Add(pauseFor), For: pauseFor, By: "operator"}
		}
		w.step(i, role.PauseWanted{Pause: p})
	case plan.Switchover:
		w.step(i, role.SwitchoverWanted{Cause: "operator"})
	case plan.Stop:
		w.step(i, role.StopWanted{})
	case plan.ProcessFailed:
		w.step(i, role.ProcessFailed{Process: "business.kv"})
	}
}

// sever cuts connections: what is on the way is lost.
func (w *world) sever(c uint8) {
	w.cut |= c
	for i := range w.hosts {
		if !w.linkOpen(i) {
			w.beats[i], w.replies[1-i] = nil, nil
			w.delayed = slices.DeleteFunc(w.delayed, func(s delayed) bool {
				return s.beat != nil && s.host == i || s.beat == nil && s.frame == nil && s.read == nil && s.host == 1-i
			})
			w.messages = slices.DeleteFunc(w.messages, func(m message) bool { return m.to == 1-i })
		}
	}
	if c&cutReplication != 0 {
		w.endSession(0)
		w.endSession(1)
	}
}

// down ends a host at once: kill -9 of all its processes, or the end of a main that had none left to stop.
func (w *world) down(i int) {
	h := &w.hosts[i]
	w.endSession(1 - i)
	for k := range w.requests {
		if w.requests[k].host == i {
			w.requests[k].ghost = true
		}
	}
	w.answers = slices.DeleteFunc(w.answers, func(a answer) bool { return a.host == i })
	w.messages = slices.DeleteFunc(w.messages, func(m message) bool { return m.to == i })
	w.frames = slices.DeleteFunc(w.frames, func(f frame) bool { return f.back && f.from == i || !f.back && f.from == 1-i })
	w.beats[1-i], w.replies[i] = nil, nil
	w.delayed = slices.DeleteFunc(w.delayed, func(s delayed) bool {
		if s.frame != nil {
			return s.frame.back == (s.frame.from == i)
		}
		if s.read != nil {
			return s.host == i
		}
		return (s.beat != nil) == (s.host == 1-i)
	})
	*h = host{name: h.name, run: h.run, clock: h.clock, disk: h.disk, unkept: h.unkept}
	w.dropGhosts(i)
	w.terms.Leave(i)
}

// start starts a host: main, its updater, its other processes.
func (w *world) start(i int) {
	h := &w.hosts[i]
	h.up, h.run = true, w.id()
	h.upd = updater{up: true}
	h.m = role.New(role.Config{Host: h.name, PairID: "pair-" + h.name, Lease: lease, StandbyPatience: patience, RefusedIsDead: true, Witnessless: w.rules.Witnessless}, h.clock)
	w.loadCopy(i)
	w.step(i, w.facts(i))
	w.step(i, role.Fitness{Fit: true})
	if w.rules.Terminals == 0 {
		w.step(i, role.Terminals{Warm: 1})
	}
}

func (w *world) facts(i int) role.FactsRead {
	h := &w.hosts[i]
	last := h.disk.record
	if w.rules.Witnessless { // main keeps it
		last = role.Record{}
	}
	return role.FactsRead{Identity: h.name, PairID: h.disk.pair, Epoch: h.disk.epoch, Note: h.disk.note, RecordVersion: h.disk.version, Record: last,
		Position: positionAt(h.disk.log, len(h.disk.log)), Empty: h.disk.pair == "" && len(h.disk.log) == 0}
}

// pass lets a tick go by. The clock of slow does not count all of it.
func (w *world) pass(slow int) {
	w.delayed = slices.DeleteFunc(w.delayed, func(s delayed) bool {
		late := s.read != nil && s.age == 2 && w.works(s.host)
		if late {
			w.hosts[s.host].later = append(w.hosts[s.host].later, role.RecordRead{Wall: wall(w.hosts[s.host].clock), Failed: true})
		}
		return late
	})
	for k := range w.delayed {
		w.delayed[k].age = min(2, w.delayed[k].age+1)
	}
	for i := range w.hosts {
		w.hosts[i].clock += tick
		if i == slow {
			w.hosts[i].clock -= slowness
		}
	}
	for i := range w.hosts {
		h := &w.hosts[i]
		if !w.works(i) {
			continue
		}
		if h.upd.flight != nil {
			h.upd.flight.age = min(h.upd.flight.age+1, uint8(patience/tick))
		}
		w.overdue(i)
		w.step(i, role.Tick{})
		w.sendBeat(i)
	}
	if w.healed {
		w.admit()
	}
}

// tell sends a message to the other main. A connection that is cut loses it.
func (w *world) tell(from int, in role.Input) {
	if w.linkOpen(from) && w.hosts[1-from].up {
		w.messages = append(w.messages, message{to: 1 - from, in: in})
	}
}

// settle gives each main the inputs of its own host and its updater's state, and forgets what can have no effect.
func (w *world) settle() {
	for i := range w.hosts {
		h := &w.hosts[i]
		for w.works(i) && len(h.later) > 0 {
			in := h.later[0]
			h.later = h.later[1:]
			w.step(i, in)
		}
		if w.works(i) && h.upd.up {
			if s := w.updaterState(i); s != h.told {
				h.told = s
				w.step(i, s)
			}
		}
	}
	w.requests = slices.DeleteFunc(w.requests, func(q request) bool {
		return q.ghost && !w.rules.Witnessless && q.write.Expected != w.register.revision
	})
	w.letGo()
}
