package main

import (
	"slices"

	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/role/explore/plan"
)

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
