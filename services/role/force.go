package role

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/storage/position"
)

// Force is what a forced promotion would mean now.
type Force struct {
	Against string // why it is refused; "" when it is not
	// Needless: this host holds all that was acknowledged, so it would serve without losing anything.
	Needless bool
	// Missing is how many acknowledged updates this host is known to lack; more may be missing that it has not heard of.
	Missing uint64
	Known   bool // the position of the other host was heard of at all
	Own     position.Position
	Other   position.Position // last that was heard to be acknowledged
	HeardAt time.Duration
	Active  Member // by the record
}

// Force returns what a forced promotion would mean now.
func (m *Machine) Force() Force {
	f := Force{Against: m.mayForce(), Own: m.position(), Other: m.heardCommit, HeardAt: m.toldAt, Active: m.record.Active, Known: m.heardCommit != (position.Position{})}
	f.Needless, _ = m.Eligible()
	if m.damaged { // then nobody knows
		f.Needless, f.Known = false, false
	}
	if m.lostRecord() {
		f.Known = false // the other host may have gone on by a record that is lost
	}
	if f.Other.Sequence > f.Own.Sequence {
		f.Missing = f.Other.Sequence - f.Own.Sequence
	}
	if f.Needless {
		f.Missing, f.Known = 0, true
	}
	return f
}

// mayForce says why this host can't be made to serve, whatever is accepted; "" when it can.
func (m *Machine) mayForce() string {
	switch {
	case !m.haveFacts:
		return m.lacksFacts()
	case m.role != Standby:
		return fmt.Sprintf("this host is %s", m.role)
	case m.stopping:
		return "this host is stopping"
	case m.attempt.open():
		return "a change of the pair record is in progress"
	case m.facts.Inconsistent:
		return "a snapshot transfer to this host is unfinished: its database is inconsistent and can't be served"
	case !m.fit.Fit:
		return "not fit: " + m.fit.Why
	case m.foreign != "":
		return m.foreign
	case m.readFailed:
		return "the witness can't be reached, and a promotion outside the pair record could make both hosts serve: " + witnessHelp + "force it"
	case !m.haveRecord && (m.register.loss == intact || m.facts.PairID == ""):
		return m.lacksRecord()
	case m.register.loss != intact && m.disagreement() == "":
		return "force is not needed: " + m.lostText()
	case m.peerKnowsMore() && m.peer.Epoch == 0:
		return fmt.Sprintf("%s has seen a newer pair record (version %d, this host %d): promote it there; if that is impossible, stop it and then force this host", m.peer.Host, m.peer.Seen, m.seen())
	case m.peerLives() && m.peer.Epoch != 0 && m.peer.Epoch >= m.record.Epoch:
		return fmt.Sprintf("%s is up and serves: force is not needed; hotpair switchover makes this host active once it is in sync", m.peer.Host)
	}
	if ok, _ := m.Eligible(); ok {
		if cause, _ := m.cause(); cause == "" {
			return fmt.Sprintf("this host holds every acknowledged update and takes over automatically once %s is certainly gone: it was heard %s ago",
				orNone(m.record.Active.Host), (m.now - m.toldAt).Round(time.Millisecond))
		}
	}
	return ""
}

func (m *Machine) forceWanted(in ForceWanted) {
	f := m.Force()
	switch {
	case f.Against != "":
		m.do(Refuse{Reason: f.Against})
		return
	case !f.Known && !in.Unknown:
		m.do(Refuse{Reason: "this host can't know how many updates are lost, and an unknown loss was not accepted"})
		return
	case f.Known && f.Missing > in.Accepted:
		m.do(Refuse{Reason: fmt.Sprintf("at least %d updates are lost, %d were accepted", f.Missing, in.Accepted)})
		return
	case f.Needless:
		cause, ask := m.cause()
		m.takeOver(cause+", requested by "+in.By, ask, false)
		return
	}
	m.begin(fmt.Sprintf("forced by %s: at least %d acknowledged updates are lost", in.By, f.Missing), false, false, true)
}

func (m *Machine) admitWanted(in AdmitWanted) {
	if why := m.mayAdmit(in.Host); why != "" {
		m.do(Refuse{Reason: why})
		return
	}
	m.takeOver(fmt.Sprintf("%s says that %s was replaced for good", in.By, in.Host), true, false)
}

// mayAdmit says why nothing has to be done, or can be, about a replaced host; "" when this host shall serve without it.
func (m *Machine) mayAdmit(host string) string {
	var old Member
	for _, member := range m.record.InSync {
		if member.Host == host && member != m.self {
			old = member
		}
	}
	switch {
	case !m.haveFacts || !m.haveRecord:
		return m.lacksFacts() + m.lacksRecord()
	case host == m.self.Host && old != (Member{}):
		return fmt.Sprintf("%s itself was replaced: run this on the other host, which has the data", host)
	case m.role == Active:
		return fmt.Sprintf("%s serves, so a replaced %s joins automatically after a snapshot transfer", m.self.Host, host)
	case m.role != Standby || m.attempt.open():
		return fmt.Sprintf("%s is %s", m.self.Host, m.role)
	case old == (Member{}):
		return fmt.Sprintf("the in-sync set has no other identity of %s, so it joins automatically once a host serves", host)
	case !m.havePeer || !m.peerLives() || m.peer.Host != host || m.peer.Identity == "":
		return fmt.Sprintf("no replaced %s answers; without it this host takes over automatically once %s is certainly gone", host, host)
	case m.peer.Member == old:
		return fmt.Sprintf("%s was not replaced: it answers with the identity in the pair record", host)
	case m.peer.Epoch != 0:
		return fmt.Sprintf("%s serves", host)
	case m.now < m.promisedUntil:
		return fmt.Sprintf("the previous %s may still answer terminals for %s: try again after that", host, (m.promisedUntil - m.now).Round(time.Millisecond))
	}
	_, why := m.Eligible()
	return why
}

func (m *Machine) witnessWanted(in WitnessWanted) {
	if why := m.mayMoveWitness(); why != "" {
		m.do(Refuse{Reason: why})
		return
	}
	m.report("", "moving the pair record to witness %s, requested by %s", m.witnessID, in.By)
	next := m.next()
	next.SetVersion = m.record.Membership()
	next.WitnessID = m.witnessID
	m.submitOver(moveWitness, next, m.register.revision, m.register.record)
}

// mayMoveWitness says why the record can't move; "" when it can.
func (m *Machine) mayMoveWitness() string {
	switch {
	case m.config.Witnessless:
		return "this pair has no witness"
	case m.readFailed || m.witnessID == "":
		return "no witness answers: start one"
	case m.foreign == "" && m.register.loss == intact:
		return "the witness that answers already keeps the pair record"
	case m.foreign == "" && m.register.loss != elsewhere:
		return m.lostText()
	case (m.role != Active || !m.term.serving) && m.foreign == "":
		return fmt.Sprintf("only the active host can move the pair record, and this host is %s; %s", m.role, m.lostText())
	case m.foreign != "":
		return "the witness that answers keeps another pair's record: empty its data directory, or start the one of this pair"
	case m.attempt.open() || m.term.add.begun():
		return "a change of the pair record is in progress: try again"
	case m.paired() && (!m.peerLives() || m.peer.WitnessID != m.witnessID):
		return fmt.Sprintf("%s does not reach the same witness: set HOTPAIR_WITNESS of both hosts to it first", m.partner().Host)
	case !m.surelyNewest():
		return fmt.Sprintf("%s grants no lease now: try again", m.partner().Host)
	}
	return ""
}
