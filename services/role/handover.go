package role

import (
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/membership"
)

func (m *Machine) switchoverWanted(in SwitchoverWanted) {
	if why := m.mayHandOver(); why != "" {
		m.do(Refuse{Reason: why})
		return
	}
	m.beginHandOver(in.Cause)
}

// handOverFor hands over for a fault, at most once for each cause and window.
func (m *Machine) handOverFor(cause string) {
	if m.handedOver.Within(cause, m.now) || m.mayHandOver() != "" {
		return
	}
	if m.paused() {
		m.deferredFrom("handing over", cause)
		return
	}
	m.handedOver = m.handedOver.Recent(m.now).With(cause, m.now)
	m.beginHandOver(cause)
}

func (m *Machine) beginHandOver(cause string) {
	h := handover{
		cause: cause, serial: m.nextSerial(), deadline: m.now + handOverDeadline(m.config.Lease),
		note:      membership.Note{Version: m.next().Version, Epoch: m.term.epoch + 1},
		undrained: m.diskStuck() || m.updaterGone(),
	}
	m.wish = nil
	m.become(state{role: Handover, term: m.term, handover: h})
	m.open(B3, "handing over to %s: %s", m.partner().Host, cause)
	m.do(TellPeer{Cause: cause})
	m.report(B4, "draining")
	m.do(Drain{Serial: h.serial, Membership: h.note, RightsOnly: h.undrained})
}

func (m *Machine) drained(in Drained) {
	h := &m.handover
	if m.role != Handover || h.serial != in.Serial {
		return
	}
	if in.Failure != "" {
		m.takeBack("draining failed: " + in.Failure)
		return
	}
	h.drained, h.position = true, in.Position
	if !h.undrained {
		m.facts.Note = h.note
	}
	h.deadline = m.now + handOverDeadline(m.config.Lease)
	m.report(B5, "terminals are released, no request is in flight")
	if h.undrained {
		m.report(B6, "stopped answering; %s is told", m.partner().Host)
	} else {
		m.report(B6, "stopped at %s; %s is told", in.Position, m.partner().Host)
	}
	m.do(TellPeer{Cause: h.cause, HandOver: &HandOver{
		From: m.self, Epoch: m.term.epoch, Revision: m.revision, Position: in.Position, Drained: !h.undrained, Cause: h.cause}})
}

// proceedHandover: every step has a deadline and an undo.
func (m *Machine) proceedHandover() {
	switch {
	case m.config.RefusedIsDead && m.evidence.Link == evidence.Refused && m.evidence.Replication == evidence.Refused:
		m.takeBack("the successor died")
	case m.handover.drained && m.now >= m.handover.deadline:
		m.takeBack("the successor did not take over in time")
	}
}

// takeBack is T3: the old active takes the next epoch itself. Whoever wins the compare-and-set serves.
func (m *Machine) takeBack(why string) {
	m.takeOver("hand-over failed: "+why, false, false)
}

// handOver is the successor's side of B6.
func (m *Machine) handOver(in HandOver) {
	if m.role != Standby || !m.haveRecord || in.From != m.record.Active || in.Epoch != m.record.Epoch || in.Revision != m.revision || m.attempt.open() || m.stopping {
		m.report("", "hand-over from %s refused: it does not match the pair record known here", in.From.Host)
		return
	}
	if m.heardCommit.Before(in.Position) {
		m.heardCommit = in.Position
	}
	if ok, why := m.Eligible(); !ok {
		m.report("", "hand-over from %s refused: %s", in.From.Host, why)
		return
	}
	m.takeOver("handed over: "+in.Cause, false, in.Drained)
	m.takeover.handed = true
}

// stopActive ends a serving host cleanly: by a planned switchover when a standby is there, else by draining alone.
func (m *Machine) stopActive() {
	if m.paired() && m.mayHandOver() == "" {
		if !m.handedOver.Within("stop", m.now) {
			m.handedOver = m.handedOver.With("stop", m.now)
			m.beginHandOver("this host is stopping")
			return
		}
	}
	if m.paired() && !m.peerResigned && m.now-m.stopSince < 2*m.config.Lease {
		return // the other host may become able to take over
	}
	m.state = state{role: Stopped, since: m.now}
	m.do(BecomeStandby{Epoch: m.record.Epoch})
	m.report("", "stopped; no host serves until one of the in-sync set is started")
	m.do(Exit{})
}
