package role

import (
	"github.com/hotpair/hotpair/services/role/canon"
)

// Clone gives a machine in the same state that goes its own way from here: a program that tries every order of events
// takes one at each fork. What is shared (sets of members, a wish, causes of hand-overs) is never changed in place.
func (m *Machine) Clone() *Machine {
	c := *m
	c.out = nil
	return &c
}

// Heard gives the number of inputs that the other main had taken when it said what this one knows of it.
func (m *Machine) Heard() uint64 { return m.peer.Steps }

// Canonical writes the state of the machine.
func (m *Machine) Canonical(c *canon.Writer) {
	lease := m.config.Lease
	c.Text(string(m.role))
	c.Since(m.since, 2*lease)
	c.Bools(m.haveFacts, m.fit.Fit, m.stopping, m.resigned, m.haveRecord, m.readFailed, m.reading, m.readAgain)
	c.Bools(m.register.empty, m.register.current)
	c.Byte(byte(m.register.loss))
	c.Bools(m.foreign != "", m.madeUp, m.havePeer, m.refusal != "", m.peerResigned, m.fresh, m.term.serving, m.term.requirePeer, m.term.dropping != "")
	c.Bools(m.facts.Inconsistent, m.facts.Empty, m.witnessID != "", m.heardActive > m.since, m.facts.PairID != "")
	c.EpochNumber(m.facts.Epoch)
	c.Note(m.facts.Note)
	c.VersionNumber(m.facts.RecordVersion)
	c.Position(m.facts.Position)
	if m.stopping {
		c.Since(m.stopSince, 2*lease)
	}
	m.record.Canonical(c)
	c.RevisionNumber(m.revision)
	if m.register.loss != intact {
		m.register.record.Canonical(c)
		c.RevisionNumber(m.register.revision)
		m.facts.Record.Canonical(c)
		c.Text(m.witnessID)
	}
	c.Until(m.pausedUntil)
	c.Bools(m.pausedUntil != 0, m.wish != nil, m.wish != nil && m.wish.None())
	c.Since(m.readAt, readInterval)
	c.Bools(m.viewAt > m.register.since)
	c.Byte(byte(m.reads))
	c.Until(m.calmUntil)
	m.peer.Canonical(c)
	c.Byte(byte(m.evidence.Link)<<4 | byte(m.evidence.Replication))
	c.ID(m.holder)
	c.EpochNumber(m.holderEpoch)
	c.Since(m.heardAt, promise(lease))
	c.Until(m.promisedUntil)
	c.Position(m.heardCommit)
	c.Until(m.retryAfter)
	c.Until(m.retryFirst)
	c.Byte(byte(m.abandoned))
	c.Bools(m.abandoned > 0 && m.tried == m.situation())
	c.EpochNumber(m.term.epoch)
	if m.term.epoch != 0 {
		c.Since(m.term.since, lease)
		c.Since(m.term.repliedAt, lease)
		c.Until(m.term.leaseUntil)
		c.Until(m.term.soloUntil)
		c.ID(m.term.partnerOf)
		c.Since(m.term.noTerminals, unreachableFor)
		c.Since(m.term.unseenSince, lease)
	}
	c.Position(m.updater.Position)
	c.Position(m.updater.Committed)
	c.Byte(byte(m.updater.Peer))
	c.Bools(m.updater.OldestFrame >= m.config.StandbyPatience, m.updater.OwnStuck)
	c.Byte(byte(m.terminals.Attached)<<4 | byte(m.terminals.Warm))
	if m.config.Witnessless {
		c.EpochNumber(m.terminals.MostEpoch)
		c.Bools(m.terminals.Unreachable > 0, m.apart != 0, m.viewAt > m.apart, m.viewAt > m.since, m.term.untold)
	}
	c.Bools(m.damaged)
	c.Int(int64(m.readd.Wait))
	c.Since(m.readd.Since, m.readd.Wait)
	m.canonicalProcedures(c)
}

// canonicalProcedures writes what is under way.
func (m *Machine) canonicalProcedures(c *canon.Writer) {
	far := 4 * m.config.Lease
	c.Bools(m.attempt.open(), m.role == Takeover, m.term.add.begun(), m.role == Handover)
	if a := m.attempt; a.open() {
		c.ID(a.ticket)
		c.Byte(byte(a.purpose))
		a.record.Canonical(c)
		c.RevisionNumber(a.expected)
		c.Bools(a.over.Version != 0)
		c.Bools(a.doubt, a.waiting, a.after)
		c.Until(min(a.retryAt, c.Now+far))
	}
	if t := m.takeover; m.role == Takeover {
		c.ID(t.serial)
		c.ID(t.askID)
		c.EpochNumber(t.epoch)
		c.RevisionNumber(t.revision)
		c.Bools(t.over.Version != 0)
		c.Bools(t.keepPeer, t.prepared, t.unfit != "", t.handed, len(t.veto) > 0, m.now < t.asked+vetoWait, t.forced, t.lost)
		c.Bools(t.served, m.outvoted(t) != "")
		c.Byte(byte(t.polled))
	}
	if a := m.term.add; a.begun() {
		c.ID(a.serial)
		c.VersionNumber(a.version)
		c.Bools(a.noted)
	}
	if h := m.handover; m.role == Handover {
		c.ID(h.serial)
		c.Note(h.note)
		c.Bools(h.drained, h.undrained)
		c.Position(h.position)
		c.Until(h.deadline)
	}
	c.Byte(byte(len(m.handedOver)))
	for _, h := range m.handedOver {
		c.Text(h.Cause)
	}
}
