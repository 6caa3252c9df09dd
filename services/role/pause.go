package role

import (
	"fmt"
	"time"
)

// PauseWanted asks for a pause, or with a zero Pause for the end of one. Step answers with Refuse, or writes it to the pair
// record as soon as that may be changed; View.Pausing tells while it has not.
type PauseWanted struct{ Pause Pause }

func (PauseWanted) input() {}

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
	m.pausedUntil, m.heldBack = 0, ""
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
		m.pausedUntil, m.heldBack = 0, ""
		m.report("", "the pause has ended: automatic takeover is on again")
	}
}

// heldBackFrom says once what a pause forbids, and for which cause it would be done.
func (m *Machine) heldBackFrom(what, cause string) {
	if m.heldBack != cause {
		m.heldBack = cause
		m.report("", "paused: not %s although %s", what, cause)
	}
}

func (m *Machine) pauseWanted(in PauseWanted) {
	if why := m.mayPause(in.Pause); why != "" {
		m.do(Refuse{Reason: why})
		return
	}
	m.wish = &in.Pause
}

// mayPause says why a pause can't be written now; "" when it can.
func (m *Machine) mayPause(p Pause) string {
	switch {
	case m.role != Active || !m.term.serving:
		return fmt.Sprintf("this host is not serving (it is %s)", m.role)
	case m.stopping:
		return "this host is stopping"
	case m.readFailed:
		return "the witness can't be reached, and a pause that is not in the pair record holds nobody back"
	case m.config.Witnessless && !m.peerLives():
		return "the other host does not answer, and without a witness nothing else tells it of a pause"
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
	if m.attempt.open() || m.term.add.begun() || m.now < m.calmUntil {
		return
	}
	next := m.next()
	next.SetVersion = m.record.Membership()
	switch {
	case m.wish != nil:
		next.Pause = *m.wish
	case m.record.Pause.None() || m.paused() || m.readFailed:
		return
	}
	m.wish = nil
	m.submit(setPause, next, m.revision)
}
