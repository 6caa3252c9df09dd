package role

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/membership"
)

func (m *Machine) recordRead(in RecordRead) {
	m.reading, m.readAt = false, m.now
	m.reads = max(0, m.reads-1)
	m.hearWall(in.Wall)
	defer func() {
		if m.reads == 0 {
			m.attempt.after, m.register.current = true, true
		}
		if m.readAgain && !in.Failed && m.reads == 0 {
			m.readRecord()
		}
	}()
	m.readFailed = in.Failed
	if in.Failed {
		return
	}
	m.witnessID, m.readOK = in.WitnessID, m.now
	if in.Empty {
		m.foreign, m.madeUp = "", false
	} else {
		m.learn(in.Record, in.Revision, true)
	}
	m.look(in)
	m.settle(in)
	m.refill()
	m.beginPair()
}

// beginPair: only two empty hosts that agree over the link may write a first record (V12), so that a wiped witness and a wiped host
// never make a fresh pair over the other's data.
func (m *Machine) beginPair() {
	if m.attempt.open() || m.now < m.calmUntil || m.haveRecord || !m.register.empty {
		return
	}
	agree := m.facts.Empty && m.facts.PairID == "" && m.peerLives() && m.peer.Identity != "" && m.peer.Empty && m.peer.PairID == "" &&
		m.peer.WitnessID == m.witnessID && m.refusal == ""
	if m.role == Standby && agree && m.first() {
		m.submitOver(firstRecord, Record{
			PairID: m.config.PairID, WitnessID: m.witnessID, Version: 1,
			InSync: []Member{m.self, m.peer.Member}, LongestLease: max(m.config.Lease, m.peer.Lease),
		}, m.register.revision, Record{})
	}
}

func (m *Machine) recordWritten(in RecordWritten) {
	a := &m.attempt
	if !a.open() || a.ticket != in.Ticket {
		return
	}
	a.waiting = false
	if in.Outcome != Unwritten && a.record.NeedsNote() && a.purpose != reassert {
		m.facts.Note = membership.Note{Version: a.record.Version, Epoch: a.record.Epoch} // durable before the compare-and-set
	}
	switch in.Outcome {
	case Won:
		m.win(in.Revision)
	case Unwritten:
		if a.doubt {
			a.retryAt = m.now + retryInterval
			return
		}
		m.lose("the witness could not be reached")
	case InDoubt:
		a.doubt = true
		a.retryAt = m.now + retryInterval
		m.readRecord()
	case Lost:
		// Another revision stands. It may be our own earlier try that took effect, so the record decides.
		a.retryAt = m.now + time.Hour
		m.reading = false
		m.readRecord()
	}
}

// settle ends an attempt when the register shows something else than what the attempt was to replace. A read of the old value
// settles nothing, neither does one that was sent before the attempt (R11).
func (m *Machine) settle(in RecordRead) {
	a := &m.attempt
	shown := in.Record
	if in.Empty {
		shown = Record{}
	}
	above := in.Revision > a.expected && !in.Empty && in.Record.Version >= a.record.Version
	switch {
	case !a.open():
	case above && in.Record.Equal(a.record):
		m.win(in.Revision)
	case above:
		m.lose(fmt.Sprintf("the record has moved to version %d", in.Record.Version))
	case a.waiting:
	case a.after && (in.Revision != a.expected || !shown.Equal(a.over) || m.elsewhere(a.record, in)):
		m.replaced()
	case a.after && m.role != Active && m.overtaken():
		// The register went back. As after a restart of main: should it take effect yet, this host reads that.
		m.lose(m.peer.Host + " has seen a newer pair record")
	case a.retryAt > m.now+retryInterval:
		a.retryAt = m.now + retryInterval // a refused try was answered by an older read: try again
	}
}

// elsewhere: another witness answers than the one that r is for. Two empty ones show the same.
func (m *Machine) elsewhere(r Record, in RecordRead) bool {
	return !m.config.Witnessless && r.WitnessID != in.WitnessID
}

// replaced: the register has lost what the attempt was to replace, so the attempt can't take effect any more. It may have before,
// and the other host may have read it. An active that nobody can have replaced wants the same of what stands there now; any
// other has to begin anew.
func (m *Machine) replaced() {
	a := &m.attempt
	switch {
	case m.role != Active || a.purpose == takeEpoch || a.purpose == reassert || a.purpose == moveWitness || !m.register.loss.here():
		m.lose("the register lost the pair record")
	case m.surelyNewest():
		a.expected, a.over, a.retryAt = m.register.revision, m.register.record, m.now
	}
}

// win takes a compare-and-set that took effect.
func (m *Machine) win(revision uint64) {
	a := m.attempt
	m.attempt = attempt{}
	m.learn(a.record, revision, true)
	if m.record.Epoch > a.record.Epoch && (m.record.Version > a.record.Version || m.config.Witnessless) {
		// It did take effect, and another host has been promoted since: by force, or without a witness, where versions of two hosts
		// may be alike.
		m.attempt = a
		m.lose(fmt.Sprintf("the record has moved on to epoch %d of %s", m.record.Epoch, m.record.Active.Host))
		return
	}
	m.revision = max(m.revision, revision)
	m.readAt = m.now
	m.register = register{record: a.record, revision: revision, current: m.reads == 0}
	switch a.purpose {
	case takeEpoch:
		m.wonEpoch(a.record)
	case goSolo:
		m.wentSolo()
	case addPeer:
		m.added()
	case setPause:
		m.do(SendBeat{})
	case moveWitness:
		m.report("", "witness %s now keeps the pair record", a.record.WitnessID)
		m.do(SendBeat{})
	case firstRecord:
		m.report("", "a new pair: %s and %s", a.record.InSync[0].Host, a.record.InSync[1].Host)
		m.do(SendBeat{})
	case reassert:
		m.report("", "the pair record is restored to the witness, version %d", a.record.Version)
		m.do(SendBeat{})
	}
}

// lose drops an attempt that certainly has not taken and will not take effect.
func (m *Machine) lose(why string) {
	a := m.attempt
	m.attempt = attempt{}
	m.calmUntil = m.now + retryInterval
	switch a.purpose {
	case takeEpoch:
		m.abandonTakeover("compare-and-set lost: " + why)
	case addPeer:
		m.cancelAdd(why)
	case moveWitness:
		m.report("", "the pair record was not moved: %s", why)
	case setPause:
		m.report("", "the pause in the pair record was not changed: %s", why)
	}
}
