package role

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/storage/position"
)

// Clone gives a machine in the same state that goes its own way from here: a program that tries every order of events
// takes one at each fork. What is shared (sets of members, a wish, causes of hand-overs) is never changed in place.
func (m *Machine) Clone() *Machine {
	c := *m
	c.out = nil
	return &c
}

// Canon writes a state in a form in which two states are equal when the same can follow from both: times count from
// now and end where they stop to matter, numbers that only rise count from what the register holds, and numbers that are
// only compared for equality count in the order of their appearance. What does not decide anything (texts, the time of
// the last addition to the set) is left out.
type Canon struct {
	// Now is the clock of the host that is written.
	Now time.Duration
	// Wall is what its wall clock shows.
	Wall time.Time
	// Epoch, Version and Revision are what epochs, versions and revisions count from; Sequence likewise: positions up
	// to it are alike.
	Epoch, Version, Revision, Sequence uint64
	// Steps are the values of PeerView.Steps that occur, sorted, for each host that says them: only their order matters.
	Steps map[string][]uint64

	out []byte
	ids []uint64
}

// Reset begins anew and keeps the memory.
func (c *Canon) Reset() { c.out, c.ids = c.out[:0], c.ids[:0] }

// Bytes is what was written since Reset. It is valid until the next Reset.
func (c *Canon) Bytes() []byte { return c.out }

// Byte writes a small number.
func (c *Canon) Byte(b byte) { c.out = append(c.out, b) }

// Int writes a number.
func (c *Canon) Int(n int64) { c.out = binary.AppendVarint(c.out, n) }

// Bools writes up to eight truths.
func (c *Canon) Bools(truths ...bool) {
	var b byte
	for i, t := range truths {
		if t {
			b |= 1 << i
		}
	}
	c.Byte(b)
}

// ID writes a number of which only equality matters.
func (c *Canon) ID(id uint64) {
	if id == 0 {
		c.Byte(0)
		return
	}
	i := slices.Index(c.ids, id)
	if i < 0 {
		i = len(c.ids)
		c.ids = append(c.ids, id)
	}
	c.Byte(byte(i + 1))
}

// Until writes how long a time is ahead.
func (c *Canon) Until(t time.Duration) { c.Int(int64(max(0, t-c.Now))) }

// Since writes how long a time is past, at most longest. 0 is never.
func (c *Canon) Since(t, longest time.Duration) {
	if t == 0 {
		c.Int(-1)
		return
	}
	c.Int(int64(min(c.Now-t, longest)))
}

func (c *Canon) relative(n, to uint64) {
	if n == 0 {
		c.Byte(0)
		return
	}
	c.Byte(byte(max(int64(n)-int64(to), -6) + 10))
}

// Position writes a position.
func (c *Canon) Position(p position.Position) {
	if p.Sequence <= c.Sequence {
		c.Byte(0)
		return
	}
	c.Byte(byte(p.Sequence - c.Sequence))
	c.relative(p.Epoch, c.Epoch)
}

// EpochNumber writes an epoch.
func (c *Canon) EpochNumber(n uint64) { c.relative(n, c.Epoch) }

// RevisionNumber writes a revision.
func (c *Canon) RevisionNumber(n uint64) { c.relative(n, c.Revision) }

// VersionNumber writes a version of the record.
func (c *Canon) VersionNumber(n uint64) { c.relative(n, c.Version) }

// Text writes a text whose bytes matter.
func (c *Canon) Text(s string) {
	c.Byte(byte(len(s)))
	c.out = append(c.out, s...)
}

// Note writes a note of membership.
func (c *Canon) Note(n membership.Note) {
	c.VersionNumber(n.Version)
	c.EpochNumber(n.Epoch)
	c.Bools(n.Out)
}

// Record writes a pair record.
func (c *Canon) Record(r Record) {
	c.VersionNumber(r.Version)
	if r.Version == 0 {
		return
	}
	c.EpochNumber(r.Epoch)
	c.Text(r.PairID)
	c.Text(r.WitnessID)
	c.Text(r.Active.Identity)
	c.VersionNumber(r.Membership())
	c.Bools(r.Forced != 0)
	c.EpochNumber(r.Forced)
	c.Bools(!r.Pause.None())
	if !r.Pause.None() {
		c.Int(int64(max(0, r.Pause.Until.Sub(c.Wall))))
	}
	c.Byte(byte(len(r.InSync)))
	for _, member := range r.InSync {
		c.Text(member.Identity)
	}
}

// Peer writes what the other main said of itself.
func (c *Canon) Peer(p PeerView) {
	c.ID(p.Incarnation)
	if p.Incarnation == 0 {
		return
	}
	rank, _ := slices.BinarySearch(c.Steps[p.Host], p.Steps)
	c.Byte(byte(rank))
	c.Text(string(p.Role))
	c.EpochNumber(p.Epoch)
	c.EpochNumber(p.Known)
	c.Record(p.Record)
	c.RevisionNumber(p.Revision)
	c.Position(p.Committed)
	c.Position(p.Position)
	c.Bools(p.Empty, p.Fresh, p.Fit, p.Stopping, p.Resigned, p.Serving, p.PairID != "", p.WitnessID != "")
	c.Byte(byte(p.Terminals))
}

// Heard gives the number of inputs that the other main had taken when it said what this one knows of it.
func (m *Machine) Heard() uint64 { return m.peer.Steps }

// Canonical writes the state of the machine.
func (m *Machine) Canonical(c *Canon) {
	lease := m.config.Lease
	c.Text(string(m.role))
	c.Since(m.since, 2*lease)
	c.Bools(m.haveFacts, m.fit.Fit, m.stopping, m.resigned, m.haveRecord, m.registerEmpty, m.readFailed, m.reading)
	c.Bools(m.foreign != "", m.havePeer, m.refusal != "", m.peerResigned, m.fresh, m.term.serving, m.term.requirePeer, m.term.dropping != "")
	c.Bools(m.facts.Inconsistent, m.facts.Empty, m.witnessID != "", m.heardActive > m.since, m.facts.PairID != "")
	c.EpochNumber(m.facts.Epoch)
	c.Note(m.facts.Note)
	c.VersionNumber(m.facts.RecordVersion)
	c.Position(m.facts.Position)
	if m.stopping {
		c.Since(m.stopSince, 2*lease)
	}
	c.Record(m.record)
	c.RevisionNumber(m.revision)
	c.Until(m.pausedUntil)
	c.Bools(m.pausedUntil != 0, m.wish != nil, m.wish != nil && m.wish.None())
	c.Since(m.readAt, readInterval)
	c.Byte(byte(m.reads))
	c.Until(m.calmUntil)
	c.Peer(m.peer)
	c.Byte(byte(m.evidence.Link)<<4 | byte(m.evidence.Replication))
	c.ID(m.holder)
	c.EpochNumber(m.holderEpoch)
	c.Since(m.heardAt, promise(lease))
	c.Until(m.promisedUntil)
	c.Position(m.heardCommit)
	c.Until(m.retryAfter)
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
	c.Int(int64(m.readd.wait))
	c.Since(m.readd.since, m.readd.wait)
	m.canonicalProcedures(c)
}

// canonicalProcedures writes what is under way.
func (m *Machine) canonicalProcedures(c *Canon) {
	far := 4 * m.config.Lease
	c.Bools(m.attempt.open(), m.role == Takeover, m.term.add.begun(), m.role == Handover)
	if a := m.attempt; a.open() {
		c.ID(a.ticket)
		c.Byte(byte(a.purpose))
		c.Record(a.record)
		c.RevisionNumber(a.expected)
		c.Bools(a.doubt, a.waiting, a.after)
		c.Until(min(a.retryAt, c.Now+far))
	}
	if t := m.takeover; m.role == Takeover {
		c.ID(t.serial)
		c.ID(t.askID)
		c.EpochNumber(t.epoch)
		c.RevisionNumber(t.revision)
		c.Bools(t.keepPeer, t.prepared, t.unfit != "", t.handed, len(t.veto) > 0, m.now < t.asked+vetoWait, t.forced)
		c.Byte(byte(t.polled))
	}
	if a := m.term.add; a.begun() {
		c.ID(a.serial)
		c.VersionNumber(a.version)
		c.Bools(a.held)
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
		c.Text(h.cause)
	}
}
