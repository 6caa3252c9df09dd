package role

import (
	"time"

	"github.com/hotpair/hotpair/services/role/exchange"
)

// View is the machine's state, for beats and for the operator.
type View = exchange.View

// View returns a copy of the present state.
func (m *Machine) View() View {
	eligible, why := m.Eligible()
	v := View{
		Steps: m.steps,
		Role:  m.role, Since: m.since, Self: m.self, Epoch: m.term.epoch, Known: max(m.record.Epoch, m.facts.Epoch),
		Record: m.record, Revision: m.revision, HasRecord: m.haveRecord, WitnessID: m.witnessID, Witness: !m.readFailed && m.witnessID != "",
		Fresh: m.fresh, Fit: m.fit, Stopping: m.stopping, Resigned: m.resigned, Peer: m.peer, HasPeer: m.havePeer, HeardAt: m.toldAt,
		Lives: m.peerLives(), Refusal: m.refusal, Foreign: m.foreign, MadeUp: m.madeUp, Serving: m.role == Active && m.term.serving, Unserved: m.unserved(), Committed: m.heardCommit,
		Lost: m.lostText(), Seen: m.seen(), Reads: !m.readFailed && m.readOK > 0, Pending: m.attempt.open(), PairID: m.facts.PairID,
		AddWait: m.readd.Wait, ReadAt: m.readOK, PausedUntil: m.pausedUntil, Deferred: m.deferred, Pausing: m.pausing(), WitnessReplaced: m.witnessReplaced(),
	}
	v.Mode, v.ModeSince = m.lastMode, m.modeSince
	if !eligible && m.role != Active && m.role != Handover {
		v.Waiting = why
	}
	if eligible && m.role == Standby && m.unprepared != "" && !(m.peerLives() && m.peer.Epoch != 0) {
		v.Waiting = "not fit: " + m.unprepared
	}
	return v
}

// Inside is what a simulation of a clone needs beside View.
type Inside struct {
	Now    time.Duration // of the last step
	Wall   time.Time     // likewise, by this host's wall clock as last told
	Config Config
	// Facts are what would be found on disk if this host was started now.
	Facts         FactsRead
	Updater       UpdaterState
	Terminals     Terminals
	ReadFailed    bool // the last read of the register
	RegisterEmpty bool
	NeedsPeer     bool   // updates need the other host's journal
	Next          Record // that would follow on the one known, before anything is changed in it
}

// Inside returns a copy of it.
func (m *Machine) Inside() Inside {
	facts := m.facts
	facts.Position = m.position()
	facts.Epoch = max(facts.Epoch, m.term.epoch)
	return Inside{
		Now: m.now, Wall: m.wallNow(), Config: m.config, Facts: facts, Updater: m.updater, Terminals: m.terminals,
		ReadFailed: m.readFailed, RegisterEmpty: m.register.empty, NeedsPeer: m.term.requirePeer, Next: m.next(),
	}
}

// Role of this host.
func (m *Machine) Role() Role { return m.role }

// mode of the pair, as this host sees it.
func (m *Machine) mode() Mode {
	switch {
	case m.role == Standby && m.register.loss != intact && !(m.peerLives() && m.peer.Epoch != 0):
		return Waiting
	case m.paired() && !m.peerResigned:
		return Paired
	case m.role == Active && m.term.serving:
		return Solo
	case m.role == Standby && m.peerLives() && m.peer.Epoch != 0 && m.haveRecord && !m.record.Has(m.self):
		if m.facts.Inconsistent {
			return Receiving
		}
		return CatchingUp
	}
	return Waiting
}

// Times returns the times that this machine's settings imply.
func (m *Machine) Times() Times { return m.config.Times() }
