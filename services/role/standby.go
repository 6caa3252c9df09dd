package role

import (
	"fmt"

	"github.com/hotpair/hotpair/services/evidence"
)

// peerBeat hears the other main, and answers whether this host promises not to take over on silence.
func (m *Machine) peerBeat(p PeerView) {
	m.hear(p)
	grant := m.mayGrant(p)
	if grant {
		m.promisedUntil = max(m.promisedUntil, m.now+promise(max(p.Lease, m.config.Lease)))
	}
	m.do(AnswerBeat{Grant: grant})
}

// mayGrant: to the active of the highest epoch known, by a host that is not itself taking over (V4) or serving.
func (m *Machine) mayGrant(p PeerView) bool {
	return m.role == Standby && m.haveRecord && p.Epoch != 0 && p.Epoch >= m.record.Epoch && p.Epoch >= m.facts.Epoch &&
		m.record.Active == p.Member && (!m.attempt.open() || m.attempt.purpose == setPause) && m.samePair(p)
}

// proceedStandby looks for evidence that the active is gone.
func (m *Machine) proceedStandby() {
	if m.stopping {
		m.resign()
		return
	}
	m.writePause()
	if m.attempt.open() || !m.mayRetry() {
		return
	}
	if ok, _ := m.Eligible(); !ok {
		return
	}
	if cause, ask := m.cause(); cause != "" {
		if m.record.Active != m.self && m.record.Active != (Member{}) && m.paused() {
			m.deferredFrom("taking over", cause)
			return
		}
		m.takeOver(cause, ask || m.config.Witnessless && !m.peerLives(), false)
	}
}

// cause gives the reason to take over now, and whether terminals may veto it; "" when there is none.
func (m *Machine) cause() (cause string, ask bool) {
	active := m.record.Active
	switch {
	case active == (Member{}):
		// Nobody has ever served: the first of the two goes first.
		if m.first() && m.peerLives() || m.silent() {
			return "the pair is new", false
		}
	case active == m.self:
		// This host was the active, and its main was restarted (R9): the next epoch, unless the other is about to.
		if !m.paired() || m.paused() || m.peerFresh() || m.evidence.Link == evidence.Refused || m.now-m.since >= m.config.Lease {
			return "this main was restarted and was the last active", false
		}
	case m.restartedUnknown(active):
		return fmt.Sprintf("%s was restarted", active.Host), true
	case !m.havePeerOfRecord(active):
		if m.refusedBoth() {
			return fmt.Sprintf("%s refuses connections", active.Host), true
		}
		if m.silent() {
			return fmt.Sprintf("%s is silent", active.Host), false
		}
	case m.peerLives() && m.gaveUpEpoch():
		// T1: its main answers, but does not hold the record's epoch.
		if m.fresh && m.peer.Fresh && m.now-m.since < 2*m.config.Lease {
			return "", false // both mains are new: a head start for the last active
		}
		return fmt.Sprintf("%s was restarted and does not hold epoch %d", active.Host, m.record.Epoch), false
	case m.refusedBoth():
		return fmt.Sprintf("%s refuses connections", active.Host), true
	case m.silent():
		return fmt.Sprintf("%s is silent for longer than its lease", active.Host), false
	}
	return "", false
}

func (m *Machine) havePeerOfRecord(active Member) bool { return m.havePeer && m.peer.Member == active }

func (m *Machine) peerFresh() bool { return m.peerLives() && m.peer.Fresh }

// gaveUpEpoch: the other main says that it holds no epoch, and says so knowing that the record gives it one, or as
// another incarnation than the one that held it. A main never resumes a term (R9), so this can't become untrue.
func (m *Machine) gaveUpEpoch() bool {
	if m.peer.Epoch != 0 || m.peer.Role == Handover || m.peer.Role == Takeover {
		return false
	}
	return m.peer.Record.Version >= m.record.Version || m.holderEpoch == m.record.Epoch && m.peer.Incarnation != m.holder
}

// restartedUnknown: another incarnation answers at the active's place that does not know yet what is on its disk. No
// process of the one before it lives any more, or it would not have been started (T1). It has no identity yet, so
// terminals may object, as when connections are refused.
func (m *Machine) restartedUnknown(active Member) bool {
	return m.peerLives() && m.peer.Host == active.Host && m.peer.Identity == "" && m.peer.Epoch == 0 &&
		m.holderEpoch == m.record.Epoch && m.peer.Incarnation != m.holder
}

// resign leaves the set durably before a clean end, so that the active need not stop if the witness is away (T9).
func (m *Machine) resign() {
	if m.attempt.open() {
		return
	}
	m.state = state{role: Stopped, since: m.now}
	// The active of the record never resigns, even when it does not serve: if both hosts were out, neither could serve.
	if m.haveRecord && m.paired() && m.record.Active != m.self && m.record.Epoch > 0 {
		m.resigned = true
		note := m.facts.Note
		note.Out = true
		m.do(Resign{Note: note})
	}
	m.do(Exit{})
}
