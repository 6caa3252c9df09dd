package role

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/storage/position"
)

// handover is the way from active to standby: planned switchover, faulty host and clean stop are one procedure.
type handover struct {
	cause     string
	serial    uint64
	undrained bool            // the own disk is stuck or the updater gone: only the rights end, and this host leaves the set
	note      membership.Note // of this host for the successor's record
	drained   bool
	position  position.Position
	deadline  time.Duration
}

// handOverWindow is how long one cause may lead to one hand-over only (T2, T5).
const handOverWindow = time.Minute

// mayHandOver says why the other host can't take over now; "" when it can.
func (m *Machine) mayHandOver() string {
	switch {
	case m.role != Active || !m.serving:
		return fmt.Sprintf("this host is not serving (it is %s)", m.role)
	case !m.paired() || m.peerResigned:
		return "there is no in-sync standby"
	case m.attempt != nil:
		return "a change of the pair record is under way"
	case !m.peerLives():
		return fmt.Sprintf("%s has not answered for %s", m.partner().Host, (m.now - m.heardAt).Round(time.Millisecond))
	case m.peer.Stopping:
		return fmt.Sprintf("%s is stopping", m.partner().Host)
	case m.peer.Role != Standby:
		return fmt.Sprintf("%s is %s", m.partner().Host, m.peer.Role)
	case !m.peer.Fit:
		return fmt.Sprintf("%s is not fit: %s", m.partner().Host, m.peer.Unfit)
	case m.updater.Peer != Held && !m.updaterGone():
		return fmt.Sprintf("%s does not take updates at the moment", m.partner().Host)
	}
	return ""
}

// diskStuck reports whether the own disk has held a frame for longer than patience (T6). That a frame waits for it for a
// moment is what every frame does.
func (m *Machine) diskStuck() bool {
	return m.updater.OwnStuck && m.updater.OldestFrame >= m.config.StandbyPatience
}

// updaterGone reports whether the updater of this serving host is down. Nothing can be drained then, but nothing has to
// be: it acknowledges nothing any more, and all that it did is in the other host's journal (R2).
func (m *Machine) updaterGone() bool { return m.serving && m.updater.Position == (position.Position{}) }

func (m *Machine) switchoverWanted(in SwitchoverWanted) {
	if why := m.mayHandOver(); why != "" {
		m.do(Refuse{Reason: why})
		return
	}
	m.beginHandOver(in.Cause)
}

// handOverFor hands over for a fault, at most once for each cause and window.
func (m *Machine) handOverFor(cause string) {
	if at, done := m.handedOver[cause]; done && m.now-at < handOverWindow || m.mayHandOver() != "" || m.holdBack("handing over", cause) {
		return
	}
	for old, at := range m.handedOver {
		if m.now-at >= handOverWindow {
			delete(m.handedOver, old)
		}
	}
	m.handedOver[cause] = m.now
	m.beginHandOver(cause)
}

func (m *Machine) beginHandOver(cause string) {
	m.handover = &handover{
		cause: cause, serial: m.nextSerial(), deadline: m.now + handOverDeadline(m.config.Lease),
		note: membership.Note{Version: m.record.Version + 1, Epoch: m.epoch + 1},
	}
	m.wish = nil
	m.become(Handover)
	m.open(B3, "handing over to %s: %s", m.partner().Host, cause)
	m.do(TellPeer{Cause: cause})
	m.report(B4, "draining")
	m.handover.undrained = m.diskStuck() || m.updaterGone()
	m.do(Drain{Serial: m.handover.serial, Membership: m.handover.note, RightsOnly: m.handover.undrained})
}

// handOverDeadline of each half: to drain, and for the successor to take the epoch.
func handOverDeadline(lease time.Duration) time.Duration { return max(lease, 500*time.Millisecond) }

func (m *Machine) drained(in Drained) {
	h := m.handover
	if m.role != Handover || h == nil || h.serial != in.Serial {
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
	m.report(B5, "terminals are let go, nothing is in flight")
	if h.undrained {
		m.report(B6, "stopped answering; %s is told", m.partner().Host)
	} else {
		m.report(B6, "stopped at %s; %s is told", in.Position, m.partner().Host)
	}
	m.do(TellPeer{Cause: h.cause, HandOver: &HandOver{
		From: m.self, Epoch: m.epoch, Revision: m.revision, Position: in.Position, Drained: !h.undrained, Cause: h.cause}})
}

// proceedHandover: every step has a deadline and an undo.
func (m *Machine) proceedHandover() {
	h := m.handover
	if h == nil {
		return
	}
	switch {
	case m.config.RefusedIsDead && m.evidence.Link == evidence.Refused && m.evidence.Replication == evidence.Refused:
		m.takeBack("the successor died")
	case h.drained && m.now >= h.deadline:
		m.takeBack("the successor did not take over in time")
	}
}

// takeBack is T3: the old active takes the next epoch itself. Whoever wins the compare-and-set serves.
func (m *Machine) takeBack(why string) {
	m.handover = nil
	m.takeOver("hand-over failed: "+why, false, false)
}

// handOver is the successor's side of B6.
func (m *Machine) handOver(in HandOver) {
	if m.role != Standby || !m.haveRecord || in.From != m.record.Active || in.Epoch != m.record.Epoch || in.Revision != m.revision || m.attempt != nil || m.stopping {
		m.report("", "a hand-over of %s is not taken: it does not fit the record known here", in.From.Host)
		return
	}
	if m.heardCommit.Before(in.Position) {
		m.heardCommit = in.Position
	}
	if ok, why := m.Eligible(); !ok {
		m.report("", "a hand-over of %s is not taken: %s", in.From.Host, why)
		return
	}
	m.takeOver("handed over: "+in.Cause, false, in.Drained)
	m.takeover.handed = true
}

// stopActive ends a serving host cleanly: by a planned switchover when a standby is there, else by draining alone.
func (m *Machine) stopActive() {
	if m.paired() && m.mayHandOver() == "" {
		if at, tried := m.handedOver["stop"]; !tried || m.now-at >= handOverWindow {
			m.handedOver["stop"] = m.now
			m.beginHandOver("this host is stopping")
			return
		}
	}
	if m.paired() && !m.peerResigned && m.now-m.stopSince < 2*m.config.Lease {
		return // the other host may become able to take over
	}
	m.epoch, m.serving = 0, false
	m.role, m.since = Stopped, m.now
	m.do(BecomeStandby{Epoch: m.record.Epoch})
	m.report("", "stopped; nobody serves until a host of the in-sync set is started")
	m.do(Exit{})
}
