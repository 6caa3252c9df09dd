package mainprocess

import (
	"context"
	"fmt"
	"sync"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/operations"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/verdict"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/role"
)

// shownEvents is how many of the last events a status contains.
const shownEvents = 20

// Status returns what this main knows and what it means, without asking other processes, whatever is down.
func (h *host) Status(context.Context) operator.Status {
	v, now, wall := h.driver.View(), h.clock(), h.run.wall()
	s := operator.Status{
		Host: h.config.Host, Identity: v.Self.Identity, Incarnation: h.run.incarnation, Version: h.run.version, Time: wall, Started: h.run.started,
		Role: string(v.Role), Since: wall.Add(v.Since - now), Mode: string(v.Mode), ModeSince: wall.Add(v.ModeSince - now), Pause: operations.PauseOf(v, now), Scheduled: h.operations.Scheduled(), WaitingFor: v.Waiting, Fit: v.Fit.Fit, Unfit: v.Fit.Why,
		Epoch: v.Known, RecordVersion: v.Record.Version, PairID: v.Record.PairID, Active: v.Record.Active.Host,
		InSync: members(v.Record.InSync), Processes: map[string]operator.Process{}, Events: h.events.Last(shownEvents),
	}
	if r := h.Right(); r.Holds(v.Epoch, now) {
		s.RightUntilMS = (r.Until - now).Milliseconds() + 1
	}
	s.Peer = operator.Peer{
		Host: v.Peer.Host, HTTP: h.peer.address(), Link: evidence.State(h.peer.seen.Load()), Replication: evidence.Silent, HeardMS: -1,
		Role: string(v.Peer.Role), Epoch: v.Peer.Epoch, Position: v.Peer.Position,
	}
	if v.HasPeer {
		s.Peer.HeardMS = (now - v.HeardAt).Milliseconds()
		s.Peer.Serves = v.Peer.Serving && now-v.HeardAt < 2*h.config.Lease
		said := h.peer.said()
		s.Peer.Down, s.Peer.Unable = said.down, said.unable
	}
	if d := h.peer.clocks.Last(now); d != (clocks.Difference{}) {
		s.Peer.Clock = &operator.ClockSkew{AheadMS: d.Other.Milliseconds(), WithinMS: d.Error.Milliseconds()}
	}
	if u := h.heard.updater.Load(); u != nil {
		s.PairLevel = u.Level
		s.PairTime, s.Forgotten = operator.TimeOf(u.PairTime), operator.TimeOf(u.Forgotten)
		s.Position, s.Committed, s.Applied, s.Notified, s.Divergent = u.Position, u.Committed, u.Applied, u.Notified, u.Divergent
		if v.Role == role.Active {
			s.Behind = u.Position.Sequence - min(u.Notified.Sequence, u.Position.Sequence)
		}
		s.Lag = u.Committed.Sequence - min(u.Applied.Sequence, u.Committed.Sequence)
		s.Peer.Replication, s.Peer.Progress, s.Peer.Reason = u.Connection, u.Peer, u.PeerReason
		peerBegan := h.began.peer.from(u.Peer, u.PeerPosition.Sequence)
		ownBegan := h.began.own.from(string(v.Mode), u.Position.Sequence)
		switch {
		case u.Peer == bus.PeerReceiving:
			s.Peer.CatchUp = &operator.CatchUp{Done: u.PeerProgress}
		case u.Peer == bus.PeerCatchingUp:
			s.Peer.CatchUp = operator.ProgressOf(peerBegan, u.PeerPosition.Sequence, u.Committed.Sequence)
		}
		if v.Mode == role.CatchingUp {
			s.CatchUp = operator.ProgressOf(ownBegan, u.Position.Sequence, v.Committed.Sequence)
		}
	}
	if t := h.heard.terminals.Load(); t != nil {
		s.Terminals, s.Timers, s.Notices = operator.Terminals{Attached: t.Attached, Warm: t.Warm, Unreachable: t.Unreachable}, t.Timers, t.Notices
	}
	w := h.record.Status()
	s.Witness = operator.Witness{Address: w.Address, ID: w.WitnessID, Reachable: w.Reachable, Problem: w.Problem, HeardMS: -1}
	if v.ReadAt > 0 {
		s.Witness.HeardMS = (now - v.ReadAt).Milliseconds()
	}
	if v.WitnessReplaced {
		s.Witness.Reachable, s.Witness.Problem = false, replacedWitness(v)
	}
	s.Witness.Keys, s.Witness.KeysProblem = h.run.keys.Shown()
	if h.record.Own != nil {
		s.Witness = operator.Witness{None: true, Reachable: w.Reachable, Problem: w.Problem, HeardMS: -1}
	}
	if s.Restored = h.run.hold.by; s.Restored != nil {
		s.Fit, s.Unfit, s.WaitingFor = false, h.run.hold.why(h.config.Host), h.run.hold.why(h.config.Host)
	}
	h.addProcesses(&s)
	s.Audit, s.Trail, s.Backups, s.Emissions = h.auditor.Shown(), h.trail.State(), h.operations.Backups(), h.operations.Emitted.State()
	s.Alarms, s.Wires = h.AllAlarms(), h.run.wires.Seen()
	return verdict.Whole(s)
}

func (h *host) addProcesses(s *operator.Status) {
	for _, status := range h.processes.States() {
		p := operator.Process{PID: status.PID, Restarts: status.Restarts, State: string(status.State), HeardMS: status.SilentMS}
		switch {
		case status.GaveUp && status.State != process.StateReady: // a ready process serves, though it is not trusted yet
			p.State = "failed"
		case status.State == process.StateWaiting, status.State == process.StateFrozen:
			p.State = "restarting"
		}
		p.Reason = status.Trouble
		s.Processes[status.Name] = p
	}
	s.Processes[bus.ProcessMain] = operator.Process{PID: h.run.pid, State: "ready", HeardMS: -1}
}

// beginning remembers where a catch-up began, so that its progress is a share of the catch-up and not of the whole
// history.
type beginning struct {
	mu       sync.Mutex
	state    string
	sequence uint64
	last     uint64
}

// from returns the sequence at which this catch-up was first seen; another state or a step back starts a new one.
func (b *beginning) from(state string, at uint64) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if state != b.state || at < b.last {
		b.state, b.sequence = state, at
	}
	b.last = at
	return b.sequence
}

// replacedWitness says that another witness answers than the one that keeps the pair record.
func replacedWitness(v role.View) string {
	return fmt.Sprintf("a new witness, %s, answers; %s keeps the pair record: hotpair admit witness", v.WitnessID, v.Record.WitnessID)
}
