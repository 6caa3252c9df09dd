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
		if m.attempt.open() && m.reads == 0 {
			m.attempt.after = true
		}
	}()
	m.readFailed = in.Failed
	if in.Failed {
		return
	}
	m.witnessID, m.readOK = in.WitnessID, m.now
	m.registerEmpty = in.Empty
	if in.Empty {
		m.registerFoundEmpty()
		return
	}
	m.learn(in.Record, in.Revision, true)
	m.settle(in)
	m.mendRegister(in)
}

// mendRegister: the active asserts its record over an older one of the same pair, as a witness shows that was restored
// from a copy. No host acts on a version below one it has seen, and versions only rise, so the newest knowledge wins.
func (m *Machine) mendRegister(in RecordRead) {
	if m.role == Active && !m.attempt.open() && m.now >= m.calmUntil && in.Record.PairID == m.record.PairID &&
		in.WitnessID == m.record.WitnessID && in.Record.Version < m.record.Version {
		m.submit(reassert, m.record, in.Revision)
	}
}

// registerFoundEmpty: the active asserts its record again; otherwise only two empty hosts that agree over the link
// may fill it (V12), so that a wiped witness and a wiped host never make a fresh pair over the other's data.
func (m *Machine) registerFoundEmpty() {
	if m.attempt.open() || m.now < m.calmUntil {
		return
	}
	if m.haveRecord {
		if m.role == Active && m.witnessID == m.record.WitnessID {
			// Unchanged, version included: the standby's note of membership must go on fitting it.
			m.submit(reassert, m.record, 0)
		}
		return
	}
	agree := m.facts.Empty && m.facts.PairID == "" && m.peerLives() && m.peer.Identity != "" && m.peer.Empty && m.peer.PairID == "" &&
		m.peer.WitnessID == m.witnessID && m.refusal == ""
	if m.role == Standby && agree && m.first() {
		m.submit(firstRecord, Record{
			PairID: m.config.PairID, WitnessID: m.witnessID, Version: 1,
			InSync: []Member{m.self, m.peer.Member}, LongestLease: max(m.config.Lease, m.peer.Lease),
		}, 0)
	}
}

func (m *Machine) recordWritten(in RecordWritten) {
	a := &m.attempt
	if !a.open() || a.ticket != in.Ticket {
		return
	}
	a.waiting = false
	if in.Outcome != Unwritten && a.record.NeedsNote() {
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

// settle ends an attempt when a revision above the one it expects is seen. A read of the old value settles nothing.
func (m *Machine) settle(in RecordRead) {
	a := &m.attempt
	if a.open() && !a.waiting && a.after && in.Revision < a.expected {
		// Below what it expects: the register began anew. What expects its old revisions fits only by accident (V12). A read
		// that was sent before the attempt shows what stood there before, and settles nothing (R11).
		m.lose("the register was replaced")
		return
	}
	if !a.open() || in.Revision <= a.expected {
		if a.open() && !a.waiting && a.retryAt > m.now+retryInterval {
			a.retryAt = m.now + retryInterval // a refused try was answered by an older read: try again
		}
		return
	}
	if in.Record.Equal(a.record) {
		m.win(in.Revision)
		return
	}
	m.lose(fmt.Sprintf("the record has moved to version %d", in.Record.Version))
}

// win takes a compare-and-set that took effect.
func (m *Machine) win(revision uint64) {
	a := m.attempt
	m.attempt = attempt{}
	m.learn(a.record, revision, true)
	if m.record.Version > a.record.Version && m.record.Epoch > a.record.Epoch {
		// It did take effect, and another host has been promoted since, by force.
		m.attempt = a
		m.lose(fmt.Sprintf("the record has moved on to epoch %d of %s", m.record.Epoch, m.record.Active.Host))
		return
	}
	m.revision = max(m.revision, revision)
	m.readAt = m.now
	m.registerEmpty = false
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
		m.report("", "witness %s keeps the pair record now", a.record.WitnessID)
		m.do(SendBeat{})
	case firstRecord:
		m.report("", "a new pair: %s and %s", a.record.InSync[0].Host, a.record.InSync[1].Host)
		m.do(SendBeat{})
	case reassert:
		m.foreign = ""
		m.report("", "the register was filled again with version %d", a.record.Version)
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
		m.report("", "the pair record did not move: %s", why)
	case setPause:
		m.report("", "the pause in the pair record is not changed: %s", why)
	}
}
