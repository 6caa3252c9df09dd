package role

import (
	"fmt"

	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/role/restraint"
	"github.com/hotpair/hotpair/storage/position"
)

// takeOver begins: fence the own journal, ask the terminals at the same time.
func (m *Machine) takeOver(cause string, ask, keepPeer bool) { m.begin(cause, ask, keepPeer, false) }

// begin is takeOver, or a forced one.
func (m *Machine) begin(cause string, ask, keepPeer, forced bool) {
	next := max(m.record.Epoch, m.facts.Epoch)
	if m.havePeer && membership.Reachable(next, m.peer.Known) {
		next = max(next, m.peer.Known)
	}
	if forced {
		next = m.forcedEpoch(next)
	}
	t := takeover{
		cause: cause, epoch: m.ownEpoch(next + 1), keepPeer: keepPeer, handed: keepPeer, forced: forced,
		serial: m.nextSerial(), served: m.term.epoch != 0,
	}
	t.revision, t.over = m.revision, m.record
	if t.lost = forced && m.lostRecord(); t.lost {
		t.revision, t.over = m.register.revision, m.register.record
	}
	m.become(state{role: Takeover, takeover: t})
	m.open(B7, "taking over as epoch %d: %s", t.epoch, cause)
	least := m.heardCommit
	if forced {
		least = position.Position{}
	}
	m.do(Prepare{Serial: t.serial, Epoch: t.epoch, AtLeast: least, Repair: forced})
	if ask {
		m.askTerminals()
	}
}

func (m *Machine) askTerminals() {
	t := &m.takeover
	t.askID, t.asked = m.nextSerial(), m.now
	m.do(AskTerminals{Serial: t.askID, Within: m.voteWait(), Look: (m.voteWait() - vetoWait) / 2})
}

func (m *Machine) terminalsAsked(in TerminalsAsked) {
	if t := &m.takeover; m.role == Takeover && t.askID == in.Serial {
		t.askID, t.polled, t.mute, t.veto = 0, in.Asked, in.Silent, in.Fresh
	}
}

func (m *Machine) prepared(in Prepared) {
	t := &m.takeover
	if m.role != Takeover || t.serial != in.Serial {
		return
	}
	t.prepared, m.damaged, m.unprepared = true, in.Damaged, in.Unfit
	if in.Unfit != "" {
		t.unfit = in.Unfit
	} else if !t.forced && in.Position.Before(m.heardCommit) {
		t.unfit = fmt.Sprintf("the journal ends at %s, but %s was acknowledged", in.Position, m.heardCommit)
	}
	if m.facts.Position.Before(in.Position) {
		m.facts.Position = in.Position
	}
}

// proceedTakeover submits the compare-and-set once the host is prepared and no terminal objects.
func (m *Machine) proceedTakeover() {
	t := m.takeover
	if m.attempt.open() {
		return
	}
	switch {
	case !m.stillStands(t):
		// Evidence counts only for the revision under which it was seen.
		m.abandonTakeover("the record has changed")
		return
	case !t.handed && m.record.Active != m.self && m.peerLives() && m.peer.Epoch == m.record.Epoch && m.peer.Member == m.record.Active && m.heardActive > m.since:
		m.abandonTakeover(m.record.Active.Host + " lives")
		return
	case m.config.Witnessless && !t.forced && !t.handed && m.unsureAlone() != "":
		m.abandonTakeover(m.unsureAlone())
		return
	case m.config.Witnessless && m.consent(t) != "":
		if m.peer.Role == Active || m.peer.Role == Takeover && !m.first() {
			m.abandonTakeover(m.consent(t))
		}
		return
	case !t.forced && m.peerKnowsMore():
		m.abandonTakeover(m.peer.Host + " has seen a newer pair record")
		return
	case t.unfit != "":
		m.abandonTakeover("not fit: " + t.unfit)
		return
	case !t.prepared || t.askID != 0:
		return
	case m.config.Witnessless && !t.forced && t.polled > m.terminals.Attached+m.terminals.Warm:
		if m.now >= t.asked+m.config.Lease {
			m.askTerminals() // one of them is gone, and will not be told of
		}
		return
	case m.config.Witnessless && !t.forced && m.outvoted(t) != "" && (m.silent() || m.now >= m.since+m.config.Lease):
		if len(t.veto)+t.mute > 0 {
			m.losesSight()
		}
		m.abandonTakeover(m.outvoted(t))
		m.retryAfter = max(m.retryAfter, m.now+2*m.config.Lease)
		return
	case len(t.veto) > 0 && !m.silent():
		// A veto delays to the end of the lease, no longer. Mostly the terminal has only not noticed yet that the
		// connection ended, which this host saw some milliseconds ago.
		if m.now >= t.asked+vetoWait {
			m.askTerminals()
		}
		return
	}
	next := m.next()
	if t.forced {
		next = m.forcedRecord()
		next.Forced = t.epoch
	}
	next.Epoch = t.epoch
	next.Active = m.self
	if !t.keepPeer {
		next.InSync = []Member{m.self}
		next.LongestLease = m.config.Lease
	}
	m.submitOver(takeEpoch, next, t.revision, t.over)
}

// abandonTakeover returns to standby and opens the journal again.
func (m *Machine) abandonTakeover(why string) {
	if m.role != Takeover {
		return
	}
	if m.takeover.handed {
		m.do(TellPeer{CantTake: true, Cause: why}) // so that the old active need not wait for its deadline (T3)
	}
	m.backOff()
	m.do(Release{})
	served := m.takeover.served
	m.become(state{role: Standby})
	m.report("", "not taking over: %s", why)
	if m.record.Active == m.self || served {
		m.do(BecomeStandby{Epoch: m.record.Epoch}) // what it served before is over
	}
	m.reading = false
	m.readRecord()
}

// wonEpoch begins the term: the epoch is made durable by the updater before it is used.
func (m *Machine) wonEpoch(r Record) {
	begun := term{epoch: r.Epoch, since: m.now, repliedAt: m.now}
	begun.requirePeer = m.takeover.keepPeer
	if begun.requirePeer {
		begun.partnerOf = m.peer.Incarnation
	}
	m.become(state{role: Active, term: begun})
	m.peerResigned, m.fresh = false, false
	m.readd = restraint.Backoff{Wait: m.readd.Wait}
	m.report(B7, "epoch %d is taken, in sync: %s", r.Epoch, names(r.InSync))
	m.do(Serve{Epoch: r.Epoch, RecordVersion: r.Version, RequirePeer: m.term.requirePeer})
}

// served: the updater serves the term, or can't.
func (m *Machine) served(in Served) {
	if m.role != Active || in.Epoch != m.term.epoch {
		return
	}
	switch {
	case in.Unreadable:
		// A frame of this term may be in the peer's journal only, so a position of it must not be used again: the next
		// epoch, alone, once the record says so.
		m.takeOver("the updater was restarted and the other journal can't be read", false, false)
	case in.Failure != "":
		m.abandonTerm(in.Failure)
	default:
		m.term.serving, m.abandoned = true, 0
		m.facts.Epoch = max(m.facts.Epoch, in.Epoch)
		m.renewSolo()
		if m.term.requirePeer != m.mustHold() {
			m.require(m.mustHold())
		}
		m.do(SendBeat{})
		m.do(AttachTerminals{Epoch: m.term.epoch})
		m.report(B8, "serving from %s, attaching terminals", in.Position)
	}
}

func (m *Machine) attached(in TerminalsAttached) {
	if m.role != Active || in.Epoch != m.term.epoch {
		return
	}
	if in.Failure != "" {
		m.report(B8, "attaching terminals failed: %s", in.Failure)
		return
	}
	if in.Waiting > 0 {
		m.report(B9, "takeover complete: %d terminals attached so far, %d refused, %d to come", in.Attached, in.Refused, in.Waiting)
		return
	}
	m.report(B9, "takeover complete: %d terminals attached, %d refused", in.Attached, in.Refused)
}

// forcedEpoch is the epoch of a forced takeover, from the next that is free as far as is known. Most terminals may have been served in a
// later one, by a host that is down: they refuse a lower one, and so does that host.
func (m *Machine) forcedEpoch(next uint64) uint64 {
	if most := m.terminals.MostEpoch; membership.Reachable(next, most) {
		next = max(next, most)
	}
	if !m.lostRecord() && !m.restored() {
		return next
	}
	return max(next, m.register.record.Epoch, m.facts.Note.Epoch, m.position().Epoch, m.heardCommit.Epoch) + membership.LostStride
}

// forcedRecord is what a forced takeover writes over: the record, or where the register has lost it, what this host knows. It is newer than
// what the other main has said that it has seen, though that is silent by now: it is to be newer for that host too.
func (m *Machine) forcedRecord() Record {
	seen := m.seen()
	if m.havePeer && m.peer.PairID == m.facts.PairID && membership.Reachable(seen, m.peer.Seen) {
		seen = max(seen, m.peer.Seen)
	}
	if !m.lostRecord() {
		r := m.next()
		r.Version = max(r.Version, seen+1)
		if m.restored() {
			r.Version += membership.LostStride
		}
		return r
	}
	return Record{PairID: m.facts.PairID, WitnessID: m.witnessID, Version: max(seen, m.register.record.Version) + membership.LostStride}
}

// restored: this directory was made of a backup, and never was a member of what the record says. What the witness shows may be as old.
func (m *Machine) restored() bool { return m.facts.Note == membership.Note{Out: true} }

// lostRecord: the register does not hold what this host knows, or this host knows nothing.
func (m *Machine) lostRecord() bool { return !m.haveRecord || m.register.loss != intact }

// stillStands: nothing has changed in the register since the takeover began.
func (m *Machine) stillStands(t takeover) bool {
	if t.lost {
		return m.lostRecord() && m.register.revision == t.revision && m.register.record.Equal(t.over)
	}
	return m.register.loss == intact && m.revision == t.revision
}
