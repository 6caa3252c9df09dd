package role

import (
	"fmt"

	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/membership"
)

func (m *Machine) beatAnswered(in BeatAnswered) {
	if in.Refusal != "" {
		m.refusal = in.Refusal
		m.heard()
		return
	}
	m.refusal = ""
	m.hear(in.Peer)
	m.viewAt = max(m.viewAt, in.SentAt)
	if m.viewAt > m.apart && in.Peer.Record.Version > 0 {
		m.apart = 0
	}
	m.refill()
	if m.term.epoch == 0 || in.SentAt < m.term.since {
		return
	}
	m.term.repliedAt = max(m.term.repliedAt, in.SentAt)
	if in.Grant {
		// Counted from when the beat was sent: the promise began later, so it ends later.
		m.term.leaseUntil = max(m.term.leaseUntil, in.SentAt+m.config.Lease)
	}
}

func (m *Machine) proceedActive() {
	m.renewSolo()
	if !m.term.serving {
		return
	}
	if m.config.Witnessless {
		m.lookWhoSees()
		if m.unseen() {
			m.abandonTerm("neither the other host nor any terminal sees this one")
			return
		}
		if m.goAlone(); m.outnumbered() && !m.attempt.open() {
			m.takeOver(m.peer.Host+" keeps a higher epoch, which served nobody", false, false)
			return
		}
	}
	if m.giveUpLost() {
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
	if m.term.partnerOf == 0 && m.peerLives() {
		m.term.partnerOf = m.peer.Incarnation
	}
	if m.peerResigned && m.term.requirePeer {
		// T9: it has noted durably that it is out, so it will not take over; the record follows when the witness can.
		m.require(false)
		m.report("", "%s has resigned", m.partner().Host)
	}
	if !m.attempt.open() && m.now >= m.calmUntil && m.register.loss != elsewhere && !m.peerKnowsMore() {
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
	case m.havePeer && m.term.partnerOf != 0 && m.peer.Incarnation != m.term.partnerOf:
		return who + " was restarted", false
	case m.now-max(m.term.repliedAt, m.term.since) >= m.config.unanswered():
		return who + " does not answer", m.evidence.Link == evidence.Connected
	case m.updater.OldestFrame >= m.config.StandbyPatience && !m.updater.OwnStuck:
		return who + " does not confirm updates, though it answers: its disk does not take them, or large packets are lost on the way (path MTU)", true
	}
	return "", false
}

func (m *Machine) dropPartner(why string, alive bool) {
	next := m.next()
	next.InSync = []Member{m.self}
	next.LongestLease = m.config.Lease
	if m.term.dropping == "" {
		m.readd.Broke(m.now, alive, m.config.Lease)
	}
	if m.term.dropping != why {
		m.term.dropping = why
		m.report("", "going solo: %s", why)
	}
	m.submit(goSolo, next)
}

func (m *Machine) wentSolo() {
	if m.term.untold = m.config.Witnessless && !m.hearsSolo(); m.term.untold {
		m.do(SendBeat{})
		return
	}
	m.require(false)
	m.renewSolo()
	m.term.partnerOf, m.peerResigned, m.term.dropping = 0, false, ""
	m.report("", "solo: updates are not notified until the other host is back")
}

// findPartner brings a host that has caught up into the set (R4): updates wait for it, it notes so, the solo right is
// waited out, a lease is held, then the arbiter is asked.
func (m *Machine) findPartner() {
	m.writePause()
	if m.outlived() {
		m.takeOver(fmt.Sprintf("%s knows epoch %d, of a past of this pair that was given up, and takes nothing of a lower one", m.peer.Host, m.peer.Known), false, false)
		return
	}
	if !m.term.add.begun() {
		if m.attempt.open() || m.term.untold || m.wish != nil || m.now < m.calmUntil || m.now >= m.term.leaseUntil {
			return
		}
		m.readd.See(m.now, m.updater.Peer >= Close && m.peerFits())
		if m.readd.Over(m.now) {
			note := membership.Note{Version: m.next().Version, Epoch: m.term.epoch}
			m.term.add = add{serial: m.nextSerial(), version: note.Version}
			m.term.requirePeer = true
			m.do(Require{Serial: m.term.add.serial, Peer: true, Membership: note})
		}
		return
	}
	if m.attempt.open() {
		return
	}
	if !m.peerFits() || m.peerKnowsMore() || m.updater.Peer < Close || m.term.add.version != m.next().Version {
		m.cancelAdd("it fell out before it was added")
		return
	}
	if !m.term.add.noted || m.now < m.term.soloUntil || m.now >= m.term.leaseUntil {
		return
	}
	next := m.next()
	next.InSync = []Member{m.self, m.peer.Member}
	next.LongestLease = max(m.config.Lease, m.peer.Lease)
	m.term.partnerOf = m.peer.Incarnation
	m.submit(addPeer, next)
}

// outlived: the other main goes by the same record as this one, and knows a higher epoch than that: of a past of the pair that was given up
// by force, as behind a restore of an older backup. Its journal refuses whoever serves a lower one (R5), so the next one is taken above it, at
// most once in a lease.
func (m *Machine) outlived() bool {
	return !m.attempt.open() && !m.term.add.begun() && m.now-m.term.since >= m.config.Lease && m.peerFits() && m.peer.Record.Equal(m.record) &&
		m.peer.Known > m.term.epoch && membership.Reachable(m.term.epoch, m.peer.Known)
}

func (m *Machine) required(in Required) {
	if !m.term.add.begun() || m.term.add.serial != in.Serial {
		return
	}
	if in.Failure != "" {
		m.cancelAdd(in.Failure)
		return
	}
	m.term.add.noted = true
}

func (m *Machine) cancelAdd(why string) {
	if !m.term.add.begun() {
		return
	}
	m.term.add = add{}
	m.readd.Broke(m.now, true, m.config.Lease/2)
	m.report("", "%s is not added: %s", m.peer.Host, why)
	m.require(false)
	m.renewSolo()
}

func (m *Machine) added() {
	m.term.add, m.peerResigned, m.term.dropping = add{}, false, ""
	m.readd.AddedAt = m.now
	m.report("", "paired: in sync %s", names(m.record.InSync))
	m.do(SendBeat{})
}

// lookForOwnFault: a fault of this host that the other one could fix.
func (m *Machine) lookForOwnFault() {
	if m.diskStuck() {
		m.handOverFor("the disk of this host is stuck") // T6
		return
	}
	reachesNone := m.terminals.Attached+m.terminals.Warm == 0 && m.peer.Terminals > 0
	switch {
	case !reachesNone:
		m.term.noTerminals = 0
	case m.term.noTerminals == 0:
		m.term.noTerminals = m.now
	case m.now-m.term.noTerminals >= unreachableFor:
		m.handOverFor("this host reaches no terminal, the other does") // T5
	}
}

func (m *Machine) processFailed(in ProcessFailed) {
	m.report(B2, "restarting %s does not help", in.Process)
	if m.role == Active && m.term.serving {
		m.handOverFor("process " + in.Process)
	}
}
