package role

import (
	"fmt"
	"time"
)

// Pause holds back automatic takeover and automatic hand-over until it ends, as for work on one of the machines. It is part
// of the pair record: from the compare-and-set on that brings it in, no takeover that does not know of it can succeed,
// because a takeover expects the revision that it has seen; and it outlives a restart of either host.
//
// Until is a wall time, for people and for hosts that restart. A host that learns of the pause counts what is left of it
// on its own clock, never more than For: a wall clock that is wrong can end a pause early, or begin it again at a
// restart, but not make it last for ever.
type Pause struct {
	Until time.Time     `json:"until"`
	For   time.Duration `json:"for_ns"` // as it was asked for
	By    string        `json:"by"`
}

// LongestPause bounds a pause: whoever needs longer says so again. ShortestPause is what both hosts are sure to notice.
const (
	LongestPause  = 24 * time.Hour
	ShortestPause = time.Second
)

// Equal compares contents.
func (p Pause) Equal(o Pause) bool { return p.Until.Equal(o.Until) && p.For == o.For && p.By == o.By }

// None reports that there is no pause.
func (p Pause) None() bool { return p.For == 0 }

// PauseWanted asks for a pause, or with a zero Pause for the end of one. Step answers with Refuse, or writes it to the pair
// record as soon as that may be changed; View.Pausing tells while it has not.
type PauseWanted struct{ Pause Pause }

func (PauseWanted) input() {}

// wallNow is the wall clock of this host, as last told.
func (m *Machine) wallNow() time.Time { return m.wall.Add(m.now - m.wallAt) }

// hearWall takes the wall clock that comes with each read of the record.
func (m *Machine) hearWall(wall time.Time) {
	if !wall.IsZero() {
		m.wall, m.wallAt = wall, m.now
	}
}

// paused reports whether automatic takeover and hand-over are held back.
func (m *Machine) paused() bool { return m.now < m.pausedUntil }

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

// pausing reports whether a wish is not yet settled.
func (m *Machine) pausing() bool {
	return m.wish != nil || m.attempt.purpose == setPause
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

// next is the record that follows on the present one.
func (m *Machine) next() Record {
	r := m.record
	r.Version++
	r.SetVersion = 0
	if !m.paused() {
		r.Pause = Pause{}
	}
	return r
}
