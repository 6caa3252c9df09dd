package updater

import (
	"encoding/hex"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/refusals"
	"github.com/hotpair/hotpair/services/replication"
	"github.com/hotpair/hotpair/storage/position"
)

// report takes in how far the other host is and gives what the heartbeat tells main. The updater is ready for orders as soon as
// it beats.
func (u *updater) report() (ready bool, state any) {
	active := u.present().active
	if active != nil {
		u.noteNotified(active.sender.State())
	}
	return true, u.stateOf(active)
}

// stateOf gives what holds here now, with what only a host that serves knows.
func (u *updater) stateOf(active *activeTerm) bus.UpdaterState {
	received := u.receiver.State()
	committed := u.store.Committed()
	facts := u.facts.Get()
	s := bus.UpdaterState{
		Position:     u.tail.End().Position,
		Committed:    later(committed.Position, received.Committed),
		Applied:      u.store.Applied().Position,
		Notified:     u.store.Notified(),
		Peer:         bus.PeerAbsent,
		Connection:   u.remote.Evidence().State,
		Inconsistent: received.Inconsistent || facts.Receiving != nil,
		Digest:       hex.EncodeToString(committed.Digest[:]),
		Catching:     received.Catching,
		System:       u.store.Changes(),
		Note:         facts.Note,
		PairTime:     u.times.Shown(),
		Forgotten:    u.store.Forgotten(),
		Level:        u.store.Level(),
	}
	u.mu.Lock()
	s.Divergent, s.DivergentCommitted = u.divergent.updates, u.divergent.committed
	u.mu.Unlock()
	if active != nil {
		active.tell(&s)
	}
	s.Reused = u.measured.reused.seen()
	s.Commands = u.takings.Seen()
	s.Measured = u.measured.sample()
	s.Measured.Refused[refusals.ReplicationLogin], s.Measured.Refused[refusals.ReplicationHello] = u.journal.RefusedLogins(), u.receiver.RefusedHellos()
	s.Disk, s.Unfit = u.disk.Space(), u.disk.Problem()
	return s
}

// tell adds what only a host that serves knows.
func (a *activeTerm) tell(s *bus.UpdaterState) {
	s.Epoch = a.term.epoch
	peer := a.sender.State()
	s.Peer, s.PeerReason, s.PeerPosition, s.PeerProgress = peer.State, peer.Reason, peer.Position, peer.Progress
	if f := a.term.inFlight(); f.since != 0 {
		s.FramesInFlight = 1
		s.OldestFrame = max(0, a.term.clock()-f.since)
		s.OwnStuck = !f.own
	}
	s.QueueDeferred = a.term.answers.Waiting()
}

// peerMoved is told by the sender of each change of the other host's state.
func (u *updater) peerMoved(p replication.PeerState) {
	u.noteNotified(p)
	u.beatOn(func(n *news) { n.peer, n.reason = p.State, p.Reason })
}

// noteNotified raises the notified mark to what the other host has durably: also what it was handed over later,
// which is told by no answer.
func (u *updater) noteNotified(p replication.PeerState) {
	if p.Position.IsZero() {
		return
	}
	before := u.store.Notified()
	u.store.SetNotified(earlier(p.Position, u.store.Committed().Position))
	if u.store.Notified() != before {
		u.applier.kick()
	}
}

func later(p, q position.Position) position.Position {
	if p.Before(q) {
		return q
	}
	return p
}

func earlier(p, q position.Position) position.Position {
	if q.Before(p) {
		return q
	}
	return p
}
