package role

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/membership"
)

// The register may have lost the record that a host knows: it is empty, it shows an older version, or another witness answers.
// From then on no takeover can succeed, so none is begun. Who may write the record back, and who may not:
//
//   - The active, over its own witness, while it is sure that nobody has replaced it: it serves alone, or holds a lease.
//   - Two hosts that are connected, of which neither serves or has a change of the record outstanding, as the other one has said
//     after this one saw the loss, and of which nobody else is a member: they are all the writers there are. What either has seen is durable before anything is done by it, so the
//     higher of the two records is the last that was ever acted upon. It goes to the witness that both reach, as at birth.
//   - One host alone, by force: an operator says that the other one is gone, and accepts what only that one may have.

// register is what the arbiter showed last.
type register struct {
	record   Record // zero when it is empty
	revision uint64
	empty    bool
	loss     loss
	since    time.Duration // when this was seen first
	// current: every answer to a read that comes now is to one that was sent after the record known here became known. An earlier
	// one shows what stood there before, which is no loss.
	current bool
}

// loss is how the register does not hold the record known here.
type loss int

const (
	intact loss = iota
	emptied
	wentBack
	elsewhere
)

// here: the witness that kept the record answers.
func (l loss) here() bool { return l == emptied || l == wentBack }

// look takes what a read showed.
func (m *Machine) look(in RecordRead) {
	r := &m.register
	if !r.current {
		m.readAgain = true
		return
	}
	shown := in.Record
	if in.Empty {
		shown = Record{}
	}
	was := *r
	r.record, r.revision, r.empty = shown, in.Revision, in.Empty
	if r.loss = m.lossOf(*r); r.loss != was.loss || r.revision != was.revision || !r.record.Equal(was.record) {
		r.since = m.now
		if r.loss != intact && m.role == Standby {
			m.do(SendBeat{}) // what the other main answers to that is said after the loss
		}
	}
	if r.loss != intact && !m.haveRecord && m.kept() {
		m.adopt(m.facts.Record, 0)
		r.current = m.reads == 0
	}
}

// kept reports that the record of the highest version seen is on disk, whole.
func (m *Machine) kept() bool {
	r := m.facts.Record
	return r.Version > 0 && r.Version >= m.facts.RecordVersion && r.PairID == m.facts.PairID
}

func (m *Machine) lossOf(r register) loss {
	known := m.record
	if !m.haveRecord {
		known = m.facts.Record
	}
	switch {
	case m.config.Witnessless || m.foreign != "" || !m.haveRecord && m.facts.PairID == "":
		return intact
	case known.Version > 0 && m.witnessID != known.WitnessID:
		return elsewhere
	case r.empty:
		return emptied
	case r.record.Version < m.seen():
		return wentBack
	}
	return intact
}

// seen is the highest version of the record that this host has seen.
func (m *Machine) seen() uint64 { return max(m.facts.RecordVersion, m.record.Version) }

// peerAhead: the other main, which answers, has seen a record of a higher version than this host has.
func (m *Machine) peerAhead() bool {
	return !m.config.Witnessless && m.peerLives() && m.peer.Seen > m.seen() && membership.Reachable(m.seen(), m.peer.Seen)
}

// peerKnowsMore: the other main is ahead, and not by what this host as active may have written itself in its term, or a pause. It is a
// reason to wait, as long as it says so, and for nothing else.
func (m *Machine) peerKnowsMore() bool {
	r := m.peer.Record
	return m.peerAhead() && (m.term.epoch == 0 || r.Version != m.peer.Seen || r.Epoch != m.term.epoch || r.Active != m.self)
}

// refill writes the record back to a register that has lost it.
func (m *Machine) refill() {
	if m.register.loss == intact || !m.register.current || m.attempt.open() || m.now < m.calmUntil {
		return
	}
	switch {
	case m.role == Active && m.register.loss.here() && m.surelyNewest():
		m.submitOver(reassert, m.record, m.register.revision, m.register.record) // unchanged: notes of membership go on fitting it
	case m.viewAt > m.register.since && m.disagreement() == "" && (m.peer.Seen < m.record.Version || m.first()):
		m.submitOver(reassert, m.movedHere(), m.register.revision, m.register.record)
	}
}

// surelyNewest: nobody can have taken the role from this active. A lease says so, because who granted it does not take over
// meanwhile; and who serves alone is the only one that may.
func (m *Machine) surelyNewest() bool {
	return m.term.serving && !m.peerKnowsMore() && (!m.mustHold() || m.now < m.term.leaseUntil)
}

// movedHere is the record known, for the witness that answers.
func (m *Machine) movedHere() Record {
	r := m.record
	if r.WitnessID != m.witnessID {
		r.SetVersion = r.Membership()
		r.Version++
		r.WitnessID = m.witnessID
	}
	return r
}

// disagreement says why this host and the other one can't write the record back together; "" when they can.
func (m *Machine) disagreement() string {
	p := m.peer
	switch {
	case m.role != Standby || m.attempt.open():
		return fmt.Sprintf("%s is %s", m.self.Host, m.role)
	case !m.haveRecord || m.record.Version < m.seen():
		return fmt.Sprintf("%s has seen version %d of the pair record but not kept its content", m.self.Host, m.seen())
	case !m.peerLives() || p.Identity == "" || m.refusal != "":
		return "the other host does not answer"
	case p.PairID != m.record.PairID:
		return fmt.Sprintf("the %s that answers does not belong to this pair yet", p.Host)
	case p.Role != Standby || p.Epoch != 0:
		return fmt.Sprintf("%s is %s", p.Host, p.Role)
	case p.Pending:
		return fmt.Sprintf("%s is changing the pair record", p.Host)
	case !p.Reads || p.WitnessID != m.witnessID:
		return fmt.Sprintf("%s does not reach the same witness", p.Host)
	case p.Seen > m.record.Version:
		return fmt.Sprintf("%s has seen version %d of the pair record", p.Host, p.Seen)
	case p.Seen == m.record.Version && !p.Record.Equal(m.record):
		return fmt.Sprintf("%s and %s have seen different records of version %d", m.self.Host, p.Host, p.Seen)
	}
	for _, member := range append([]Member{m.record.Active}, m.record.InSync...) {
		if member != (Member{}) && member != m.self && member != p.Member {
			return fmt.Sprintf("%s in the pair record has another identity than the %s that answers", member.Host, p.Host)
		}
	}
	return ""
}

// lostText says how the register has lost the record, and what helps; "" when it has not.
func (m *Machine) lostText() string {
	var how string
	switch m.register.loss {
	case intact:
		return ""
	case emptied:
		how = "the witness has lost the pair record"
	case wentBack:
		how = fmt.Sprintf("the witness went back to version %d of the pair record, but this host has seen %d", m.register.record.Version, m.seen())
	case elsewhere:
		how = fmt.Sprintf("witness %s answers, but witness %s kept the pair record", m.witnessID, m.knownWitness())
	}
	switch why := m.disagreement(); {
	case why == "":
		return how + ": the hosts restore it together"
	case m.role == Active && m.register.loss.here():
		return how + ": this host serves and restores it as soon as it serves alone or holds a lease"
	case m.role == Active || m.peerLives() && m.peer.Epoch != 0 && m.register.loss == elsewhere:
		return how + ": bring that back; if it is gone for good: hotpair admit witness"
	case m.peerLives() && m.peer.Epoch != 0 && m.peer.Seen < m.seen():
		return fmt.Sprintf("%s, and %s serves by that record, perhaps without updates that only this host has. To keep the data of %s: move the data directory of this host away and start it; "+
			"to keep the data of this host: stop %s, then hotpair promote --force here", how, m.peer.Host, m.peer.Host, m.peer.Host)
	case m.peerLives() && m.peer.Epoch != 0:
		return fmt.Sprintf("%s: %s serves and restores it", how, m.peer.Host)
	case !m.peerLives():
		return how + ": start the other host, then the hosts restore it together; if that host is gone for good: hotpair promote --force"
	case m.peerKnowsMore():
		return fmt.Sprintf("%s, and %s, so it restores that record once it is standby and reaches the witness; if that is impossible: stop it, then hotpair promote --force here", how, why)
	default:
		return fmt.Sprintf("%s, and %s: the record is not restored automatically; hotpair promote --force on the host whose data to keep", how, why)
	}
}

func (m *Machine) knownWitness() string {
	if m.haveRecord {
		return m.record.WitnessID
	}
	return m.facts.Record.WitnessID
}

// giveUpLost ends the term of an active that may not answer, because it can't know whether it was replaced before the register
// was lost or went back. As standby it writes the record back with the other host, or is forced.
func (m *Machine) giveUpLost() bool {
	why := ""
	switch {
	case m.readFailed || !m.mustHold() || m.now < max(m.term.leaseUntil, m.term.since)+m.config.Lease:
	case m.register.loss != intact:
		why = "the witness has lost the pair record and the other host does not answer"
	case m.peerKnowsMore() && m.peer.Epoch == 0:
		why = m.peer.Host + " has seen a newer pair record than the witness shows"
	}
	if why == "" {
		return false
	}
	m.abandonTerm(why)
	return true
}
