package role

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/storage/position"
)

// paired reports whether the record, as known, has the other host in the set with this one.
func (m *Machine) paired() bool {
	return m.haveRecord && len(m.record.InSync) > 1 && m.record.Has(m.self)
}

// partner is the other member of the set.
func (m *Machine) partner() Member {
	for _, member := range m.record.InSync {
		if member != m.self {
			return member
		}
	}
	return Member{}
}

// mustHold reports whether updates need the other host's journal: it is in the set, or an attempt to add it may have
// taken effect or may still (R11).
func (m *Machine) mustHold() bool {
	adding := m.attempt.purpose == addPeer
	return (m.paired() || adding || m.term.untold) && !m.peerResigned
}

// Right returns the right to answer: an epoch and the time at which it ends (R6, V4). It is a time, so it just ends.
func (m *Machine) Right() (epoch uint64, until time.Duration) {
	switch {
	case m.role != Active && (m.role != Handover || m.handover.drained), m.term.epoch == 0, m.record.Epoch != m.term.epoch, m.outranked():
		return 0, 0
	case m.mustHold():
		return m.term.epoch, m.term.leaseUntil
	case m.term.add.begun():
		return m.term.epoch, max(m.term.soloUntil, m.term.leaseUntil)
	}
	return m.term.epoch, m.term.soloUntil
}

// outranked: the other main says that it serves a higher epoch, and the witness can't be asked whether that is so. While it says so
// nobody is answered here (R5).
func (m *Machine) outranked() bool {
	return !m.config.Witnessless && m.readFailed && m.peer.Role == Active && m.peer.Epoch > m.term.epoch && m.peerLives()
}

// peerLives reports that the other main's reply or beat was heard within half a lease.
func (m *Machine) peerLives() bool {
	return m.havePeer && m.now-m.heardAt < m.config.unanswered() && m.evidence.Link == evidence.Connected
}

// peerFits: the other host may be added; unequal pair, witness or version means no lease and no add.
func (m *Machine) peerFits() bool {
	return m.peerLives() && m.refusal == "" && m.foreign == "" && m.register.loss == intact && !m.readFailed && m.samePair(m.peer) && m.peer.Role == Standby &&
		!m.peer.Stopping && !m.peer.Resigned && m.peer.WitnessID == m.record.WitnessID
}

func (m *Machine) samePair(p PeerView) bool {
	return p.PairID == m.record.PairID && (p.WitnessID == "" || p.WitnessID == m.record.WitnessID || p.WitnessID == m.witnessID) && p.Host != m.self.Host
}

// first gives the one of two hosts that goes first where nothing else decides: the lower name.
func (m *Machine) first() bool { return !m.havePeer || m.self.Host < m.peer.Host }

// silent: every promise has run out and nothing was heard of the active for as long.
func (m *Machine) silent() bool {
	return m.now >= m.promisedUntil && (m.heardAt == 0 || m.now-m.heardAt >= promise(m.config.Lease))
}

// refusedBoth is the evidence of a dead host: both connections ended, both ports refuse (V8).
func (m *Machine) refusedBoth() bool {
	return m.config.RefusedIsDead && m.evidence.Link == evidence.Refused && m.evidence.Replication == evidence.Refused
}

func (m *Machine) position() position.Position {
	if m.facts.Position.Before(m.updater.Position) {
		return m.updater.Position
	}
	return m.facts.Position
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

// paused reports whether automatic takeover and hand-over are held back.
func (m *Machine) paused() bool { return m.now < m.pausedUntil }

// wallNow is the wall clock of this host, as last told.
func (m *Machine) wallNow() time.Time { return m.wall.Add(m.now - m.wallAt) }

// pausing reports whether a wish is not yet settled.
func (m *Machine) pausing() bool {
	return m.wish != nil || m.attempt.purpose == setPause
}

// next is the record that follows on the present one.
func (m *Machine) next() Record {
	r := m.record
	if m.peerAhead() && !m.peerKnowsMore() {
		r.Version = m.peer.Seen
	}
	r.Version++
	r.SetVersion = 0
	if !m.paused() {
		r.Pause = Pause{}
	}
	return r
}

// witnessReplaced reports that another witness answers than the one that the record names.
func (m *Machine) witnessReplaced() bool {
	return !m.config.Witnessless && m.haveRecord && !m.readFailed && m.witnessID != "" && m.witnessID != m.record.WitnessID
}

// mayHandOver says why the other host can't take over now; "" when it can.
func (m *Machine) mayHandOver() string {
	switch {
	case m.role != Active || !m.term.serving:
		return fmt.Sprintf("this host is not serving (it is %s)", m.role)
	case !m.paired() || m.peerResigned:
		return "there is no in-sync standby"
	case m.attempt.open():
		return "a change of the pair record is in progress"
	case !m.peerLives():
		return fmt.Sprintf("%s has not answered for %s", m.partner().Host, (m.now - m.heardAt).Round(time.Millisecond))
	case m.peer.Stopping:
		return fmt.Sprintf("%s is stopping", m.partner().Host)
	case m.peer.Role != Standby:
		return fmt.Sprintf("%s is %s", m.partner().Host, m.peer.Role)
	case !m.peer.Fit:
		return fmt.Sprintf("%s is not fit: %s", m.partner().Host, m.peer.Unfit)
	case m.updater.Peer != Awaited && !m.updaterGone():
		return fmt.Sprintf("%s does not accept updates now", m.partner().Host)
	}
	return ""
}

// mayRetry reports whether the wait after a takeover that came to nothing is over.
func (m *Machine) mayRetry() bool {
	return m.now >= m.retryAfter || m.now >= m.retryFirst && m.abandoned > 0 && m.tried != m.situation()
}

func (m *Machine) situation() situation {
	return situation{m.revision, m.readFailed, m.evidence, m.fit.Fit, m.updater.Position != position.Position{}}
}
