package role

import (
	"fmt"

	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/storage/position"
)

// hear takes what the other main says of itself.
func (m *Machine) hear(p PeerView) {
	if m.havePeer && p.Incarnation == m.peer.Incarnation && p.Steps < m.peer.Steps {
		m.heard()
		return // beats and replies come over two connections and may pass each other
	}
	restarted := m.havePeer && p.Incarnation != m.peer.Incarnation
	if m.role == Active && m.peer.Record.Version < m.record.Version && p.Record.Version == m.record.Version {
		m.do(SendBeat{}) // now it knows whom to grant a lease
	}
	m.peer, m.havePeer = p, true
	m.heard()
	m.compareLeases()
	if restarted {
		m.viewAt = 0
		m.evidence = PeerEvidence{Link: evidence.Connected, Replication: m.evidence.Replication}
	}
	if p.Resigned && m.paired() && p.Member == m.partner() {
		m.peerResigned = true
	}
	if m.haveFacts {
		m.hint(p)
	}
	if p.Epoch != 0 && p.Epoch == m.record.Epoch && p.Member == m.record.Active {
		m.fresh = false
		m.heardActive = m.now
		m.holder, m.holderEpoch = p.Incarnation, p.Epoch
		if m.heardCommit.Before(p.Committed) && p.Committed.Epoch >= m.record.Forced && p.Committed.Epoch <= p.Epoch {
			m.heardCommit = p.Committed
		}
	}
}

// compareLeases tells once that the hosts are set to different leases, and once that they are alike again. Nothing is decided by it:
// whoever promises or waits takes the longer one. But a silence lasts longer than one of the hosts is set to bear.
func (m *Machine) compareLeases() {
	other := m.peer.Lease
	if other == m.config.Lease {
		other = 0
	}
	switch {
	case other == m.otherLease:
		return
	case other != 0:
		m.report("", "the hosts have different leases: %s here, %s at %s; the longer one counts until they are equal", m.config.Lease, other, m.peer.Host)
	default:
		m.report("", "the hosts have the same lease again: %s", m.config.Lease)
	}
	m.otherLease = other
}

// heard notes that something came from the other main.
func (m *Machine) heard() { m.heardAt, m.toldAt = m.now, m.now }

// hint takes the record that the other main tells of. With a witness it is a reason to read what stands there and no more:
// nothing that anybody says on the link becomes durable, or decides, before the witness has borne it out. Without one there is nobody else to
// ask, so a newer record counts, within what the pair can have come to.
func (m *Machine) hint(p PeerView) {
	switch {
	case m.config.Witnessless:
		if p.Record.Version > 0 && !p.Unserved && !m.servesMost(p) {
			m.learn(p.Record, p.Revision, false)
		}
	case p.Record.Version > m.record.Version || p.Seen > m.record.Version:
		m.askAgain()
	}
}

// unbelievable says why a record can't be true, whoever has it; "" when it can.
func (m *Machine) unbelievable(r Record) string {
	for _, n := range []struct {
		what      string
		is, known uint64
	}{{"version", r.Version, m.seen()}, {"epoch", r.Epoch, max(m.record.Epoch, m.facts.Epoch)}} {
		if !membership.Reachable(n.known, n.is) {
			return fmt.Sprintf("the pair record has %s %d, but this host has seen %d: no pair advances that far, so the record is forged and is refused. "+
				"See the operations guide, \"A pair record that was made up\"", n.what, n.is, n.known)
		}
	}
	return ""
}

// learn takes a record that was read from the arbiter, or without one told by the other main. It refuses one of another pair or of
// a lower version than any seen (V12), and forgets evidence by moving the revision that a takeover expects.
func (m *Machine) learn(r Record, revision uint64, fromArbiter bool) {
	switch {
	case m.facts.PairID != "" && r.PairID != m.facts.PairID:
		m.foreign = fmt.Sprintf("the witness keeps the record of another pair (%s, this host belongs to %s)", r.PairID, m.facts.PairID)
		return
	case m.facts.PairID == "" && !m.facts.Empty:
		m.foreign = "this host holds data but belongs to no pair"
		return
	case m.unbelievable(r) != "":
		m.foreign, m.madeUp = m.unbelievable(r), true
		return
	case m.config.Witnessless && m.haveRecord && !r.Equal(m.record) && !r.Newer(m.record):
		return
	case !m.config.Witnessless && r.Version < m.seen():
		m.foreign, m.madeUp = "", false
		return
	}
	if fromArbiter {
		m.foreign, m.madeUp = "", false
	}
	if m.haveRecord && r.Equal(m.record) {
		if fromArbiter {
			m.revision = revision // also a lower one: the register was emptied and filled again (V12)
		}
		return
	}
	m.adopt(r, revision)
	m.facts.PairID, m.facts.RecordVersion, m.facts.Record = r.PairID, r.Version, r
	facts := WriteFacts{PairID: r.PairID, RecordVersion: r.Version, Epoch: r.Epoch}
	if !m.config.Witnessless || !fromArbiter {
		facts.Record = &r
	}
	m.do(facts)
	if m.role == Standby {
		m.do(SendBeat{}) // an active waits for a lease from whoever knows that it is one
	}
	if m.role != Starting && m.term.epoch != 0 && (r.Epoch > m.term.epoch || r.Epoch == m.term.epoch && r.Active != m.self) {
		m.stepDown(fmt.Sprintf("%s is active in epoch %d", r.Active.Host, r.Epoch))
	}
}

// adopt takes a record as the one known.
func (m *Machine) adopt(r Record, revision uint64) {
	wasIn := m.haveRecord && m.record.Has(m.self)
	if m.heardCommit.Epoch < r.Forced {
		m.heardCommit = position.Position{}
	}
	before := m.record.Pause
	m.record, m.revision, m.haveRecord = r, revision, true
	m.register.current = m.reads == 0
	m.learnPause(before)
	if r.Has(m.self) && !wasIn {
		// Who learns that it is in the set counts as having just granted (V4).
		m.promisedUntil = max(m.promisedUntil, m.now+promise(max(r.LongestLease, m.config.Lease)))
	}
}
