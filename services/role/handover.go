package role

import (
	"cmp"
	"fmt"
	"slices"
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

// handOvers are the causes of hand-overs, sorted, and when each was. It is never changed in place.
type handOvers []pastHandOver

type pastHandOver struct {
	cause string
	at    time.Duration
}

// within reports whether cause led to a hand-over within the window.
func (l handOvers) within(cause string, now time.Duration) bool {
	for _, h := range l {
		if h.cause == cause {
			return now-h.at < handOverWindow
		}
	}
	return false
}

// with gives the list with one that begins now.
func (l handOvers) with(cause string, now time.Duration) handOvers {
	next := slices.DeleteFunc(slices.Clone(l), func(h pastHandOver) bool { return h.cause == cause })
	next = append(next, pastHandOver{cause, now})
	slices.SortFunc(next, func(a, b pastHandOver) int { return cmp.Compare(a.cause, b.cause) })
	return next
}

// recent gives the list without those whose window has passed.
func (l handOvers) recent(now time.Duration) handOvers {
	return slices.DeleteFunc(slices.Clone(l), func(h pastHandOver) bool { return now-h.at >= handOverWindow })
}

// mayHandOver says why the other host can't take over now; "" when it can.
func (m *Machine) mayHandOver() string {
	switch {
	case m.role != Active || !m.term.serving:
		return fmt.Sprintf("this host is not serving (it is %s)", m.role)
	case !m.paired() || m.peerResigned:
		return "there is no in-sync standby"
	case m.attempt.open():
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
func (m *Machine) updaterGone() bool {
	return m.term.serving && m.updater.Position == (position.Position{})
}

func (m *Machine) switchoverWanted(in SwitchoverWanted) {
	if why := m.mayHandOver(); why != "" {
		m.do(Refuse{Reason: why})
		return
	}
	m.beginHandOver(in.Cause)
}

// handOverFor hands over for a fault, at most once for each cause and window.
func (m *Machine) handOverFor(cause string) {
	if m.handedOver.within(cause, m.now) || m.mayHandOver() != "" {
		return
	}
	if m.paused() {
		m.heldBackFrom("handing over", cause)
		return
	}
	m.handedOver = m.handedOver.recent(m.now).with(cause, m.now)
	m.beginHandOver(cause)
}

func (m *Machine) beginHandOver(cause string) {
	h := handover{
		cause: cause, serial: m.nextSerial(), deadline: m.now + handOverDeadline(m.config.Lease),
		note:      membership.Note{Version: m.record.Version + 1, Epoch: m.term.epoch + 1},
		undrained: m.diskStuck() || m.updaterGone(),
	}
	m.wish = nil
	m.become(state{role: Handover, term: m.term, handover: h})
	m.open(B3, "handing over to %s: %s", m.partner().Host, cause)
	m.do(TellPeer{Cause: cause})
	m.report(B4, "draining")
	m.do(Drain{Serial: h.serial, Membership: h.note, RightsOnly: h.undrained})
}

// handOverDeadline of each half: to drain, and for the successor to take the epoch.
func handOverDeadline(lease time.Duration) time.Duration { return max(lease, 500*time.Millisecond) }

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
	m.report(B5, "terminals are let go, nothing is in flight")
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
		if !m.handedOver.within("stop", m.now) {
			m.handedOver = m.handedOver.with("stop", m.now)
			m.beginHandOver("this host is stopping")
			return
		}
	}
	if m.paired() && !m.peerResigned && m.now-m.stopSince < 2*m.config.Lease {
		return // the other host may become able to take over
	}
	m.state = state{role: Stopped, since: m.now}
	m.do(BecomeStandby{Epoch: m.record.Epoch})
	m.report("", "stopped; nobody serves until a host of the in-sync set is started")
	m.do(Exit{})
}
