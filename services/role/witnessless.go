package role

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/membership"
)

// Without a witness nobody arbitrates between two hosts that have lost each other, so the terminals are asked: they are
// many, they are where service is needed, and what is acknowledged is acknowledged to them. The machine stays the same; the
// register is the host's own copy of the record, which it writes at once and hears of from the other main.
//
// What this can't promise: when the link is cut and the terminals are split between the hosts, each side may be served by
// its own host until they meet again. Then the higher epoch stays, and what the other acknowledged alone meanwhile is set
// aside in a file and an alarm (R10). Epochs of the first host by name are even, of the second odd, so the two never choose
// the same (V13).

// ownEpoch gives the first epoch from at on that this host may take.
func (m *Machine) ownEpoch(at uint64) uint64 {
	if !m.config.Witnessless || at%2 == m.parity() {
		return at
	}
	return at + 1
}

func (m *Machine) parity() uint64 {
	other := m.peer.Host
	for _, member := range append([]Member{m.record.Active}, m.record.InSync...) {
		if member.Host != "" && member.Host != m.self.Host {
			other = member.Host
		}
	}
	switch {
	case other == "" && m.record.Active == m.self:
		return m.record.Epoch % 2 // which name was beside it is forgotten, its own last epoch is not
	case other != "" && other < m.self.Host:
		return 1
	}
	return 0
}

// unsureAlone says why a host without a witness may not trust its own copy of the record; "" when it may.
func (m *Machine) unsureAlone() string {
	known := max(m.record.Epoch, m.facts.Epoch)
	switch {
	case m.terminals.MostEpoch > known && membership.Reachable(known, m.terminals.MostEpoch):
		// Most of them: what one terminal says changes no state of a host, and it could say anything.
		return fmt.Sprintf("terminals were served in epoch %d, this host only knows epoch %d: waiting for the other host", m.terminals.MostEpoch, known)
	case m.facts.Epoch > m.record.Epoch:
		return fmt.Sprintf("waiting for the other host: the journal of this host was written in epoch %d, its own copy of the pair record only knows epoch %d", m.facts.Epoch, m.record.Epoch)
	case m.fresh && m.record.Active != m.self && m.record.Epoch > 0:
		// Being in sync does not survive a restart without the other host: it may have gone on alone (V14).
		return fmt.Sprintf("waiting for %s: without a witness a restarted host can't know whether it is still in sync", m.record.Active.Host)
	case m.fresh && m.unserved() && !(m.peerLives() && m.viewAt > 0 && m.peer.Role == Standby && m.peer.Identity != ""):
		// Whoever else could go on after the record before did not know of this one, and may have gone on since.
		return fmt.Sprintf("waiting for the other host: this one took epoch %d and was restarted before it served most of the terminals", m.record.Epoch)
	case m.apart != 0:
		return "waiting for the other host: it was out of reach so long that it may have served alone"
	}
	return ""
}

// outvoted says why the terminals are against a takeover; "" when they are not.
func (m *Machine) outvoted(t takeover) string {
	switch {
	case t.handed || m.peerLives():
		return "" // the other main itself says that it does not serve
	case t.polled == 0 && !m.refusedBoth():
		return "no terminal could say whether the other host serves"
	case 2*len(t.veto) > t.polled:
		return fmt.Sprintf("%d of %d terminals are served by the other host", len(t.veto), t.polled)
	case 2*(len(t.veto)+t.mute) > t.polled && !m.refusedBoth():
		return fmt.Sprintf("%d of %d terminals do not say whether the other host serves them", t.mute, t.polled)
	}
	return ""
}

// unserved: the own copy says that this host took an epoch, and it does not serve it, and it has served it to few or none: it is above
// that which its updater has noted, or which most terminals have accepted.
func (m *Machine) unserved() bool {
	most := m.terminals.MostEpoch
	return m.config.Witnessless && m.haveRecord && m.record.Active == m.self && !m.term.serving && m.role != Handover &&
		(m.record.Epoch > m.facts.Epoch || most > 0 && most < m.record.Epoch)
}

// losesSight: the other host may have gone on alone, so this one is not in sync before it has heard from it.
func (m *Machine) losesSight() {
	if m.config.Witnessless && m.role != Active {
		m.apart = m.now
	}
}

// consent says why a main that lives has not agreed to a takeover yet; "" when it has: it has said that it is standby, after it was told.
// Otherwise both could take an epoch at once, each in its own copy of the record.
func (m *Machine) consent(t takeover) string {
	switch {
	case t.handed || t.forced || !m.peerLives() || m.peer.Identity == "":
		return ""
	case m.viewAt <= m.since || m.peer.Role != Standby:
		return fmt.Sprintf("%s is %s", m.peer.Host, m.peer.Role)
	}
	return ""
}

// hearsSolo: acknowledging alone can't lose what another host takes over without. The other one has read that it is out, is dead, or has
// been silent for so long that it has asked the terminals, which are served here.
func (m *Machine) hearsSolo() bool {
	return m.peerResigned || m.peer.Record.Equal(m.record) || m.refusedBoth() || m.now-max(m.term.repliedAt, m.term.since) >= 2*promise(m.config.Lease)
}

// goAlone ends the wait for that.
func (m *Machine) goAlone() {
	if m.term.untold && m.hearsSolo() {
		m.wentSolo() // which looks again
	}
}

// servesMost: this active serves most of the terminals that it reaches. They take no answer of a lower epoch than they have taken, so
// a higher one, which p keeps and does not serve, has served nobody, or those few that this host does not reach.
func (m *Machine) servesMost(p PeerView) bool {
	return (m.role == Active && m.term.serving || m.role == Takeover && m.takeover.served) && p.Epoch == 0 && p.Role != Handover && m.terminals.Attached > m.terminals.Warm
}

// outnumbered: the other host keeps a record of a higher epoch that has served nobody. This one takes a higher one yet, so that hosts and
// terminals agree again.
func (m *Machine) outnumbered() bool {
	p, own := m.peer, m.term.epoch
	return m.peerLives() && p.Role == Standby && (p.Unserved || m.servesMost(p)) && p.Known > own && membership.Reachable(own, p.Known)
}

// unseen: an active that neither the other host nor any of its terminals sees serves nobody, and can't know whether the
// other does.
func (m *Machine) unseen() bool {
	return m.term.unseenSince != 0 && m.now-m.term.unseenSince >= m.config.Lease
}

// lookWhoSees notes since when nobody sees this active.
func (m *Machine) lookWhoSees() {
	switch {
	case m.peerLives() || m.terminals.Attached > 0 || m.terminals.Unreachable+m.terminals.Warm == 0:
		m.term.unseenSince = 0
	case m.term.unseenSince == 0:
		m.term.unseenSince = m.now
	}
}

// voteWait is how long terminals may take to answer. With a witness no answer is no veto, for the record decides; without
// one their votes do, so they get time.
func (m *Machine) voteWait() time.Duration {
	switch {
	case !m.config.Witnessless:
		return vetoWait
	case m.refusedBoth():
		return m.config.Lease / 4
	}
	return m.config.Lease / 2
}
