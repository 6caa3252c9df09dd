package main

import (
	"fmt"

	"github.com/hotpair/hotpair/services/role/explore/brief"
	"github.com/hotpair/hotpair/services/role/explore/plan"
)

// describe says what an event is, in the state in which it happens.
func (w *world) describe(e event) string {
	h, o := w.hosts[e.host&1].name, w.hosts[1-e.host&1].name
	switch e.what {
	case evBeat:
		return fmt.Sprintf("%s hears the beat of %s", o, h)
	case evReply:
		return fmt.Sprintf("%s hears the reply to its beat (grant %t)", h, w.replies[e.host].grant)
	case evMessage:
		return fmt.Sprintf("%s hears %T", h, w.messages[e.arg].in)
	case evOrder:
		return fmt.Sprintf("the updater of %s carries out %T%s", h, w.hosts[e.host].orders[0], brief.Of(w.hosts[e.host].orders[0]))
	case evApply, evLateApply:
		q := w.requests[e.arg]
		late := ""
		if e.what == evLateApply {
			late = ", late"
		}
		return fmt.Sprintf("the arbiter gets the compare-and-set of %s%s: expects %d, version %d epoch %d in sync %s (it has %d)", h, late,
			q.write.Expected, q.write.Record.Version, q.write.Record.Epoch, brief.Hosts(q.write.Record.InSync), w.register.revision)
	case evAnswer:
		return fmt.Sprintf("%s gets the arbiter's answer", h)
	case evRead:
		return fmt.Sprintf("%s reads the record", h)
	case evOldRead:
		return fmt.Sprintf("%s reads the record as it was", h)
	case evAsked:
		return fmt.Sprintf("the terminals of %s answer", h)
	case evEvidence:
		return fmt.Sprintf("%s sees the ports of %s anew", h, o)
	case evFacts:
		return fmt.Sprintf("the updater of %s is back", h)
	case evProbe:
		return fmt.Sprintf("the updater of %s begins a session with %s", h, o)
	case evFeed:
		return fmt.Sprintf("the updater of %s sends history to %s", h, o)
	case evMeet:
		return fmt.Sprintf("%s has what the updater of %s holds for it", o, h)
	case evFrame:
		f := w.frames[e.arg]
		if f.back {
			return fmt.Sprintf("the updater of %s hears that frame %d is durable on the other host", w.hosts[f.from].name, f.at)
		}
		return fmt.Sprintf("frame %d of %s arrives at the other journal", f.at, w.hosts[f.from].name)
	case evExit:
		return fmt.Sprintf("main of %s ends", h)
	case evKeep:
		return fmt.Sprintf("%s has its own copy of the record written", h)
	case evAttach:
		return fmt.Sprintf("%s attaches terminal %d", h, e.arg)
	case evSeen:
		return fmt.Sprintf("%s hears of its terminals: %+v", h, w.terms.Seen(int(e.host)))
	case evDelayed:
		s := w.delayed[e.arg]
		switch {
		case s.beat != nil:
			return fmt.Sprintf("the delayed beat of %s arrives", w.hosts[s.host].name)
		case s.reply != nil:
			return fmt.Sprintf("the delayed reply to the beat of %s arrives (grant %t)", w.hosts[s.host].name, s.reply.grant)
		case s.message != nil:
			return fmt.Sprintf("%s hears the delayed %T", w.hosts[s.host].name, s.message.in)
		}
		if s.read != nil {
			return fmt.Sprintf("%s gets the delayed answer to its read: revision %d", w.hosts[s.host].name, s.read.revision)
		}
		return fmt.Sprintf("the delayed frame %d of %s arrives (acknowledgement %t)", s.frame.at, w.hosts[s.frame.from].name, s.frame.back)
	case evTurn:
		return "(the order is reversed)"
	case evTick:
		return "tick"
	case evWrite:
		return fmt.Sprintf("an update at %s", h)
	case evStart:
		return fmt.Sprintf("%s starts", h)
	case evThaw:
		if e.arg == stalled {
			return fmt.Sprintf("%s is thawed, and knows how late it is", h)
		}
		return fmt.Sprintf("%s is thawed", h)
	case evFix:
		return fmt.Sprintf("connections %05b are fixed", e.arg)
	case evGiveUp:
		return fmt.Sprintf("%s does not wait for the arbiter any longer", h)
	case evLost:
		return fmt.Sprintf("the answer of the arbiter to %s is lost", h)
	}
	return fmt.Sprintf("FAULT %s %s/%d", plan.Kind(e.what-evFault), h, e.arg)
}
