package role

import (
	"fmt"
	"time"
)

// hearWall takes the wall clock that comes with each read of the record.
func (m *Machine) hearWall(wall time.Time) {
	if !wall.IsZero() {
		m.wall, m.wallAt = wall, m.now
	}
}

// learnPause begins or ends a pause when the record brings another one than before.
func (m *Machine) learnPause(before Pause) {
	p := m.record.Pause
	if p.Equal(before) {
		return
	}
	was := m.paused()
	m.pausedUntil, m.deferred = 0, ""
	if !p.None() {
		left := min(p.For, LongestPause)
		if !m.wall.IsZero() {
			left = min(left, p.Until.Sub(m.wallNow()))
		}
		m.pausedUntil = m.now + max(0, left)
	}
	switch {
	case m.paused():
		m.report("", "automatic takeover is paused until %s by %s", p.Until.UTC().Format(time.RFC3339), p.By)
	case was:
		m.report("", "automatic takeover is on again")
	}
}

// endPause notices that the time of a pause is over.
func (m *Machine) endPause() {
	if m.pausedUntil != 0 && !m.paused() {
		m.pausedUntil, m.deferred = 0, ""
		m.report("", "the pause has ended: automatic takeover is on again")
	}
}

// deferredFrom says once what a pause forbids, and for which cause it would be done.
func (m *Machine) deferredFrom(what, cause string) {
	if m.deferred != cause {
		m.deferred = cause
		m.report("", "automatic takeover is paused: not %s, although %s", what, cause)
	}
}

func (m *Machine) pauseWanted(in PauseWanted) {
	switch why := m.mayPause(in.Pause); {
	case why != "":
		m.do(Refuse{Reason: why})
	case m.config.Witnessless && m.role == Standby:
		// Its own copy is not to differ from the other host's, which may have written the next version meanwhile.
		m.pausedUntil, m.deferred = 0, ""
		m.report("", "automatic takeover is on again at this host")
	default:
		m.wish = &in.Pause
	}
}

// mayPause says why a pause can't be written now, or ended; "" when it can. It needs the record and nobody else, so a standby
// does it too when the active is gone.
func (m *Machine) mayPause(p Pause) string {
	alone := m.config.Witnessless && (m.role != Active || !m.peerLives())
	switch {
	case m.role != Standby && (m.role != Active || !m.term.serving):
		return fmt.Sprintf("this host is %s: try again when that is over", m.role)
	case m.stopping:
		return "this host is stopping"
	case m.role == Standby && m.peerLives() && m.peer.Epoch != 0:
		return m.peer.Host + " serves: run this there"
	case m.lacksFacts() != "" || m.lacksRecord() != "":
		return m.lacksFacts() + m.lacksRecord()
	case m.readFailed || m.witnessReplaced():
		return "the witness can't be reached, and it keeps the pair record, which holds the pause: " + witnessHelp + "hotpair admit witness, and try again"
	case alone && !p.None():
		return "the other host does not answer, and without a witness it can't learn of a pause: start it, or fix the network path to it, and try again"
	case p.None() && m.record.Pause.None() && m.wish == nil:
		return "automatic takeover is not paused"
	case !p.None() && (p.For < ShortestPause || p.For > LongestPause):
		return fmt.Sprintf("a pause lasts %s to %s", ShortestPause, LongestPause)
	}
	return ""
}

// writePause writes a wish to the record, or a pause out of it that has ended. The set stays as it is, and so do the notes
// of membership that fit it.
func (m *Machine) writePause() {
	if m.attempt.open() || m.term.add.begun() || m.now < m.calmUntil || m.register.loss == elsewhere {
		return
	}
	next := m.next()
	next.SetVersion = m.record.Membership()
	switch {
	case m.wish != nil:
		next.Pause = *m.wish
	case m.role != Active || m.record.Pause.None() || m.paused() || m.readFailed:
		return
	}
	m.wish = nil
	m.submit(setPause, next)
}
