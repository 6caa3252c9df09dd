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

// view is what a main says of itself.
func (w *world) view(i int) role.PeerView {
	h := &w.hosts[i]
	v := h.m.View()
	p := role.PeerView{
		Member: v.Self, Incarnation: h.run, Steps: v.Steps, PairID: v.PairID, WitnessID: v.WitnessID, Role: v.Role, Epoch: v.Epoch, Known: v.Known,
		Committed: h.told.Committed, Position: h.told.Position, Empty: h.disk.pair == "" && len(h.disk.log) == 0 && !v.HasRecord, Fresh: v.Fresh,
		Seen: v.Seen, Pending: v.Pending, Reads: v.Reads, Fit: v.Fit.Fit, Unfit: v.Fit.Why, Stopping: v.Stopping, Resigned: v.Resigned, Lease: lease, Serving: v.Serving, Unserved: v.Unserved, Terminals: 1,
	}
	if v.HasRecord {
		p.Record, p.Revision = v.Record, v.Revision
	}
	return p
}

// sendBeat puts a beat on the way, if none is.
func (w *world) sendBeat(i int) {
	if w.beats[i] != nil || !w.linkOpen(i) || !w.hosts[1-i].up {
		return
	}
	w.beats[i] = &beat{view: w.view(i), sent: w.hosts[i].clock, run: w.hosts[i].run}
}

func (w *world) deliverBeat(i int, again bool) {
	b := w.beats[i]
	if !again {
		w.beats[i] = nil
	}
	o := 1 - i
	if why := w.refuses(o, b.view); why != "" {
		if w.hosts[i].run == b.run && w.linkOpen(o) {
			w.replies[i] = &beat{sent: b.sent, error: why, run: b.run}
		}
		return
	}
	actions := w.hosts[o].m.Step(w.hosts[o].clock, role.PeerBeat{Peer: b.view})
	reply := &beat{view: w.view(o), sent: b.sent, run: b.run}
	for _, a := range actions {
		if a, ok := a.(role.AnswerBeat); ok {
			reply.grant = a.Grant
		}
	}
	if w.rules.Broken == plan.EveryBeatGranted {
		reply.grant = true
	}
	if w.replies[i] == nil && w.hosts[i].up && w.hosts[i].run == b.run && w.linkOpen(o) {
		w.replies[i] = reply
	}
	w.stepped(o, role.PeerBeat{}, actions)
}

// refuses is the driver's check of a hello.
func (w *world) refuses(i int, p role.PeerView) string {
	v := w.hosts[i].m.View()
	if p.PairID != "" && v.Record.PairID != "" && p.PairID != v.Record.PairID {
		return "another pair"
	}
	return ""
}

func (w *world) deliverReply(i int, again bool) {
	b := w.replies[i]
	if !again {
		w.replies[i] = nil
	}
	w.step(i, role.BeatAnswered{SentAt: b.sent, Grant: b.grant, Peer: b.view, Refusal: b.error})
}

func (w *world) deliverMessage(k int, again bool) {
	m := w.messages[k]
	if !again {
		w.messages = slices.Delete(w.messages, k, k+1)
	}
	w.step(m.to, m.in)
	if _, ok := m.in.(role.HandOver); !ok {
		return
	}
	if got := w.hosts[m.to].m.Role(); got != role.Takeover {
		w.tell(m.to, role.HandOverRefused{Reason: "it is " + string(got)})
	}
}

// stall takes something off its way; it arrives at any later time.
func (w *world) stall(i, k int) {
	s := delayed{host: i}
	switch {
	case k == 0:
		s.beat, w.beats[i] = w.beats[i], nil
	case k == 1:
		s.reply, w.replies[i] = w.replies[i], nil
	case k < 32:
		m := w.messages[k-16]
		s.message, s.host = &m, m.to
		w.messages = slices.Delete(w.messages, k-16, k-15)
	default:
		f := w.frames[k-32]
		s.frame = &f
		w.frames = slices.Delete(w.frames, k-32, k-31)
	}
	w.delayed = append(w.delayed, s)
}

// canArrive: what was delayed finds its receiver.
func (w *world) canArrive(k int) bool {
	s := w.delayed[k]
	switch {
	case s.beat != nil:
		return w.works(1-s.host) && w.linkOpen(s.host) && w.beats[s.host] == nil
	case s.reply != nil:
		return w.works(s.host) && w.linkOpen(1-s.host) && w.replies[s.host] == nil
	case s.message != nil:
		return w.works(s.host) && w.linkOpen(1-s.host)
	case s.read != nil:
		return w.works(s.host) && w.witnessOpen(s.host)
	}
	to := 1 - s.frame.from
	if s.frame.back {
		to = s.frame.from
	}
	return w.works(to) && w.hosts[to].upd.up
}

func (w *world) arrive(k int) {
	s := w.delayed[k]
	w.delayed = slices.Delete(w.delayed, k, k+1)
	switch {
	case s.beat != nil:
		w.beats[s.host] = s.beat
		w.deliverBeat(s.host, false)
	case s.reply != nil:
		w.replies[s.host] = s.reply
		w.deliverReply(s.host, false)
	case s.message != nil:
		w.messages = append(w.messages, *s.message)
		w.deliverMessage(len(w.messages)-1, false)
	case s.read != nil:
		w.step(s.host, s.read.read(w.hosts[s.host].clock))
	default:
		w.frames = append(w.frames, *s.frame)
		w.deliverFrame(len(w.frames) - 1)
	}
}

// tell sends a message to the other main. A connection that is cut loses it.
func (w *world) tell(from int, in role.Input) {
	if w.linkOpen(from) && w.hosts[1-from].up {
		w.messages = append(w.messages, message{to: 1 - from, in: in})
	}
}

// settle gives each main what its own host has for it, tells it what its updater's state has come to, and forgets what
// can have no effect any more.
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
