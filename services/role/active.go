package role

import (
	"time"

	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/membership"
)

// add is the way of the other host into the set (R4).
type add struct {
	serial  uint64 // of Require
	held    bool   // the peer holds everything, frames wait for it, and it has noted so
	version uint64
}

func (m *Machine) beatAnswered(in BeatAnswered) {
	if in.Refusal != "" {
		m.refusal = in.Refusal
		m.heard()
		return
	}
	m.refusal = ""
	m.hear(in.Peer)
	if m.epoch == 0 || in.SentAt < m.termSince {
		return
	}
	m.repliedAt = max(m.repliedAt, in.SentAt)
	if in.Grant {
		// Counted from when the beat was sent: the promise began later, so it ends later.
		m.leaseUntil = max(m.leaseUntil, in.SentAt+m.config.Lease)
	}
}

// renewSolo renews the right of a solo active, only while the last record it knows is its own solo term and no add is
// on its way (V4). Losing the witness does not end it.
func (m *Machine) renewSolo() {
	if m.serving && m.add == nil && !m.mustHold() && m.record.Epoch == m.epoch && m.record.Active == m.self {
		m.soloUntil = m.now + m.config.soloRight()
	}
}

func (m *Machine) proceedActive() {
	m.renewSolo()
	if !m.serving {
		return
	}
	if m.config.Witnessless && m.unseen() {
		m.abandonTerm("neither the other host nor any terminal sees this one")
		return
	}
	if m.stopping {
		m.stopActive()
		return
	}
	if m.paired() {
		m.keepPair()
		return
	}
	m.findPartner()
}

// keepPair watches the standby in the set: it is dropped through the arbiter before the first acknowledgement that it
// does not hold (R3).
func (m *Machine) keepPair() {
	if m.partnerOf == 0 && m.peerLives() {
		m.partnerOf = m.peer.Incarnation
	}
	if m.peerResigned && m.requirePeer {
		// T9: it has noted durably that it is out, so it will not take over; the record follows when the witness can.
		m.require(false)
		m.report("", "%s has resigned", m.partner().Host)
	}
	if m.attempt == nil && m.now >= m.calmUntil {
		if why, alive := m.lostPartner(); why != "" {
			m.dropPartner(why, alive)
			return
		}
	}
	m.writePause()
	m.lookForOwnFault()
}

// lostPartner says why the standby must leave the set, and whether it was alive.
func (m *Machine) lostPartner() (why string, alive bool) {
	who := m.partner().Host
	switch {
	case m.peerResigned:
		return who + " has resigned", false
	case m.config.RefusedIsDead && m.evidence.Link == evidence.Refused && m.evidence.Replication == evidence.Refused:
		return who + " refuses connections", false
	case m.havePeer && m.peer.Member != m.partner() && m.peer.Host == who:
		return who + " came back with another data directory", false
	case m.havePeer && m.partnerOf != 0 && m.peer.Incarnation != m.partnerOf:
		return who + " was restarted", false
	case m.now-max(m.repliedAt, m.termSince) >= m.config.unanswered():
		return who + " does not answer", m.evidence.Link == evidence.Connected
	case m.updater.OldestFrame >= m.config.StandbyPatience && !m.updater.OwnStuck:
		return who + " does not confirm updates", true
	}
	return "", false
}

func (m *Machine) dropPartner(why string, alive bool) {
	next := m.next()
	next.InSync = []Member{m.self}
	next.LongestLease = m.config.Lease
	if m.dropping == "" {
		m.readd.broke(m.now, alive, m.config.Lease)
	}
	if m.dropping != why {
		m.dropping = why
		m.report("", "going solo: %s", why)
	}
	m.submit(goSolo, next, m.revision)
}

func (m *Machine) wentSolo() {
	m.require(false)
	m.renewSolo()
	m.partnerOf, m.peerResigned, m.dropping = 0, false, ""
	m.report("", "solo: updates are not notified until the other host is back")
}

// require tells the updater which hosts must hold a frame.
func (m *Machine) require(peer bool) {
	m.requirePeer = peer
	m.do(Require{Serial: m.nextSerial(), Peer: peer})
}

// findPartner brings a host that has caught up into the set (R4): updates wait for it, it notes so, the solo right is
// waited out, a lease is held, then the arbiter is asked.
func (m *Machine) findPartner() {
	m.writePause()
	if m.add == nil {
		if m.attempt == nil && m.wish == nil && m.now >= m.calmUntil && m.now < m.leaseUntil && m.readd.healthy(m.now, m.updater.Peer >= Close && m.peerFits()) {
			note := membership.Note{Version: m.record.Version + 1, Epoch: m.epoch}
			m.add = &add{serial: m.nextSerial(), version: note.Version}
			m.requirePeer = true
			m.do(Require{Serial: m.add.serial, Peer: true, Membership: note})
		}
		return
	}
	if m.attempt != nil {
		return
	}
	if !m.peerFits() || m.updater.Peer < Close || m.add.version != m.record.Version+1 {
		m.cancelAdd("it fell out before it was added")
		return
	}
	if !m.add.held || m.now < m.soloUntil || m.now >= m.leaseUntil {
		return
	}
	next := m.next()
	next.InSync = []Member{m.self, m.peer.Member}
	next.LongestLease = max(m.config.Lease, m.peer.Lease)
	m.partnerOf = m.peer.Incarnation
	m.submit(addPeer, next, m.revision)
}

// peerFits: the other host may be added; unequal pair, witness or version means no lease and no add.
func (m *Machine) peerFits() bool {
	return m.peerLives() && m.refusal == "" && m.foreign == "" && !m.readFailed && m.samePair(m.peer) && m.peer.Role == Standby &&
		!m.peer.Stopping && !m.peer.Resigned && m.peer.WitnessID == m.record.WitnessID
}

func (m *Machine) required(in Required) {
	if m.add == nil || m.add.serial != in.Serial {
		return
	}
	if in.Failure != "" {
		m.cancelAdd(in.Failure)
		return
	}
	m.add.held = true
}

func (m *Machine) cancelAdd(why string) {
	if m.add == nil {
		return
	}
	m.add = nil
	m.readd.broke(m.now, true, m.config.Lease/2)
	m.report("", "%s is not added: %s", m.peer.Host, why)
	m.require(false)
	m.renewSolo()
}

func (m *Machine) added() {
	m.add, m.peerResigned, m.dropping = nil, false, ""
	m.readd.addedAt = m.now
	m.report("", "paired: in sync %s", names(m.record.InSync))
	m.do(SendBeat{})
}

// lookForOwnFault: a fault of this host that the other one could mend.
func (m *Machine) lookForOwnFault() {
	if m.diskStuck() {
		m.handOverFor("the disk of this host is stuck") // T6
		return
	}
	reachesNone := m.terminals.Attached+m.terminals.Warm == 0 && m.peer.Terminals > 0
	switch {
	case !reachesNone:
		m.noTerminals = 0
	case m.noTerminals == 0:
		m.noTerminals = m.now
	case m.now-m.noTerminals >= unreachableFor:
		m.handOverFor("this host reaches no terminal, the other does") // T5
	}
}

// unreachableFor is how long an active that reaches no terminal waits before it hands over.
const unreachableFor = 2 * time.Second

func (m *Machine) processFailed(in ProcessFailed) {
	m.report(B2, "restarting %s does not help", in.Process)
	if m.role == Active && m.serving {
		m.handOverFor("process " + in.Process)
	}
}
