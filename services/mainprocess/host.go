package mainprocess

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/audit"
	"github.com/hotpair/hotpair/services/blackbox"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/events"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/link"
	"github.com/hotpair/hotpair/services/operations"
	"github.com/hotpair/hotpair/services/processes"
	"github.com/hotpair/hotpair/services/role"
)

// keeper is who keeps the pair record, as a part of main that runs and has a state.
type keeper interface {
	arbiter.Register
	Run(ctx context.Context) error
	Status() arbiter.Status
}

// host is one running main with all its parts.
type host struct {
	config      config.Host
	log         *slog.Logger
	clock       lease.Clock
	network     bus.Network // nil: TCP
	incarnation uint64

	driver    *driver
	link      *link.Link
	bus       *bus.Conn // for control alone
	orders    *bus.Poster
	processes *processes.Processes
	register  arbiter.Register
	witness   keeper
	own       *ownRegister // without a witness
	events    *events.Memory
	recorder  *events.Recorder
	reader    *events.Reader
	alarms    *alarms.Set
	hooks     *alarms.Hooks
	auditor   *audit.Auditor
	// wroteRecord is when this main last changed the pair record, on its clock; 0 is never.
	wroteRecord atomic.Int64
	measures    measures
	blackbox    *blackbox.Recorder
	operations  *operations.Operations // what operators can ask for

	updaterState  atomic.Pointer[bus.UpdaterState]
	terminalState atomic.Pointer[bus.TerminalState]
	empty         atomic.Bool
	linkSeen      atomic.Int64 // evidence.State
	recordedAt    destination  // of the driver's goroutine
	peerAlarms    atomic.Pointer[[]bus.Alarm]
	right         atomic.Pointer[lease.Right]
	tenure        tenure // of the driver's goroutine
	resumed       bool   // likewise: the updater serves its term again, after a restart
	attachCounter atomic.Uint64
	httpAddr      atomic.Pointer[string]
	peerHTTPAddr  atomic.Pointer[string]
	pid           int
	began         struct{ own, peer beginning } // catch-ups

	exit     chan struct{} // closed when the machine has ended this main's work
	exitOnce sync.Once
	leaving  sync.WaitGroup // last words that Exit waits for
	ctx      context.Context

	started time.Time
}

func (h *host) httpAddress() string {
	if a := h.httpAddr.Load(); a != nil {
		return *a
	}
	return ""
}

// Right to answer, as last given to terminal-if.
func (h *host) Right() lease.Right {
	if r := h.right.Load(); r != nil {
		return *r
	}
	return lease.Right{}
}

// stepped runs on the driver's goroutine after each step: it renews the right at terminal-if when it changed.
func (h *host) stepped(v role.View, right lease.Right) {
	h.follow(v)
	h.renew(right)
	h.operations.Stepped(v)
	if to := h.recordsAt(); to != h.recordedAt {
		h.recordedAt = to
		h.recorder.Wake()
	}
	h.measures.stepped(v)
}

func (h *host) publishRight(r lease.Right) {
	// The bus is this process's own: a publish fails only when it is being closed, and then no right is the right thing.
	_ = h.bus.Publish(bus.SubjectRight, bus.EncodeJSON(r))
}

func members(set []role.Member) []string {
	names := make([]string, len(set))
	for i, m := range set {
		names[i] = m.Host
	}
	return names
}

// ProcessUp is told of each process that can do its work.
func (h *host) ProcessUp(name string) {
	switch name {
	case bus.ProcessUpdater:
		h.askFacts()
		h.reader.Wake()
	case bus.ProcessTerminalInterface:
		h.processes.AnnounceAll()
		h.operations.TellTerminals() // before anything is attached
		h.driver.during(h.ctx, func() {
			h.publishRight(h.Right())
			// It lost what it was told: within a term it attaches again, under a higher counter.
			if v := h.driver.View(); v.Serving {
				h.attach(v.Epoch)
			}
		})
	}
}

// askFacts asks a started updater what is on disk; until it has answered, this main says no hello, grants nothing and
// submits nothing.
func (h *host) askFacts() {
	bus.CallFacts.Post(h.orders, bus.FactsRequest{}, 5*time.Second, func(f bus.Facts, err error) {
		if err != nil {
			h.log.Warn("the updater does not tell what is on disk", "error", err)
			if h.ctx.Err() == nil && h.processes.IsUp(bus.ProcessUpdater) {
				h.askFacts()
			}
			return
		}
		if h.own != nil {
			if err := h.own.load(f.Record); err != nil {
				h.log.Error("the facts on disk are damaged", "error", err)
				return
			}
		}
		h.empty.Store(f.Empty)
		h.driver.Give(role.FactsRead{
			Identity: f.Identity, PairID: f.PairID, Epoch: f.Epoch, Note: f.Note, RecordVersion: f.RecordVersion,
			Position: f.Position, Inconsistent: f.Inconsistent, Empty: f.Empty,
		})
	})
}

func (h *host) ProcessDown(name string) {
	h.orders.Lost(name)
	if name == bus.ProcessUpdater {
		h.updaterState.Store(nil)
		v := h.driver.View()
		h.driver.Give(role.UpdaterState{Committed: v.Committed})
	}
}

// ProcessState takes the state that a process sends with its beats.
func (h *host) ProcessState(name string, raw json.RawMessage) {
	switch name {
	case bus.ProcessUpdater:
		var s bus.UpdaterState
		if err := bus.DecodeJSON(raw, &s); err != nil {
			h.log.Warn("state of the updater", "error", err)
			return
		}
		before := h.updaterState.Swap(&s)
		if before == nil || before.System != s.System {
			h.operations.SystemChanged()
		}
		h.driver.Give(role.UpdaterState{
			Position: s.Position, Committed: s.Committed, Peer: progress(s.Peer),
			OldestFrame: s.OldestFrame, OwnStuck: s.OwnStuck, Inconsistent: s.Inconsistent, Note: s.Note,
		})
		if before == nil || before.System != s.System {
			h.reader.Wake()
		}
		if before == nil || before.Connection != s.Connection {
			h.giveEvidence()
		}
	case bus.ProcessTerminalInterface:
		var s bus.TerminalState
		if err := bus.DecodeJSON(raw, &s); err != nil {
			h.log.Warn("state of terminal-if", "error", err)
			return
		}
		if s.Unaudited > 0 {
			h.driver.during(h.ctx, h.auditLate)
		}
		h.terminalState.Store(&s)
		h.driver.Give(role.Terminals{Attached: s.Attached, Warm: s.Warm, Unreachable: s.Unreachable, HighestEpoch: s.HighestEpoch})
	}
}

func progress(peer string) role.Progress {
	switch peer {
	case bus.PeerClose:
		return role.Close
	case bus.PeerHeld:
		return role.Held
	case bus.PeerProbe, bus.PeerCatchingUp, bus.PeerCopying, bus.PeerRefused:
		return role.Behind
	}
	return role.Absent
}

// giveEvidence joins what main sees of the link port and what the updater sees of the replication port.
func (h *host) giveEvidence() {
	e := role.PeerEvidence{Link: evidence.State(h.linkSeen.Load())}
	if s := h.updaterState.Load(); s != nil {
		e.Replication = s.Connection
	}
	h.driver.Give(e)
}

// Beat implements Main.
func (h *host) Beat() bus.Beat { return h.beat(h.driver.View()) }

// LinkSeen implements Main.
func (h *host) LinkSeen(e evidence.State) {
	h.linkSeen.Store(int64(e))
	h.giveEvidence()
}

// Beaten answers a beat of the other main with what the machine makes of it in that very step.
func (h *host) Beaten(b bus.Beat, answer func(bus.BeatReply, error)) {
	if err := h.refuses(b); err != nil {
		answer(bus.BeatReply{Beat: bus.Beat{Version: bus.Version, Host: h.config.Host}}, err)
		return
	}
	h.peerHTTPAddr.Store(&b.HTTP)
	h.operations.HeardSchedule(b.Host, b.Incarnation, b.Scheduled, b.ScheduledBy)
	h.peerAlarms.Store(&b.Alarms)
	h.driver.inputs <- envelope{in: role.PeerBeat{Peer: peerView(b)}, after: func(actions []role.Action, v role.View) {
		reply := bus.BeatReply{Beat: h.beat(v)}
		for _, a := range actions {
			if a, ok := a.(role.AnswerBeat); ok {
				reply.Grant = a.Grant
			}
		}
		answer(reply, nil)
	}}
}

// refuses a hello of another version, pair or witness: no lease, no add.
func (h *host) refuses(b bus.Beat) error {
	v := h.driver.View()
	switch {
	case b.Version != bus.Version:
		return fmt.Errorf("%w: %s speaks version %d of the link, this host version %d: upgrade the older one", bus.ErrVersion, b.Host, b.Version, bus.Version)
	case b.Host == h.config.Host:
		return fmt.Errorf("%w: both hosts are named %s: give one of them another HOTPAIR_HOST", errHello, b.Host)
	case b.PairID != "" && v.Record.PairID != "" && b.PairID != v.Record.PairID:
		return fmt.Errorf("%w: %s belongs to pair %s, %s to pair %s", errHello, b.Host, b.PairID, h.config.Host, v.Record.PairID)
	case b.WitnessID != "" && v.WitnessID != "" && b.WitnessID != v.WitnessID:
		return fmt.Errorf("%w: %s uses witness %s, %s uses %s: HOTPAIR_WITNESS must name the same one", errHello, b.Host, b.WitnessID, h.config.Host, v.WitnessID)
	}
	return nil
}

// BeatAnswered implements Main.
func (h *host) BeatAnswered(sentAt time.Duration, r bus.BeatReply, refusal error) {
	h.driver.Give(role.BeatAnswered{SentAt: sentAt, Grant: r.Grant && refusal == nil, Peer: peerView(r.Beat), Refusal: failure(refusal)})
}

// errHello says that a hello is of no host that this one makes a pair with.
var errHello = errors.New("refused")

// Sender is this main, as it says on the link.
func (h *host) Sender() bus.LinkSender {
	return bus.LinkSender{Version: bus.Version, Host: h.config.Host, Identity: h.driver.View().Self.Identity}
}

// errCantTake says that this host can't take what is handed over.
var errCantTake = errors.New("it can't take over")

// hearPeer answers what the other main says beside beats.
func (h *host) hearPeer() {
	member := func(s bus.LinkSender) role.Member { return role.Member{Host: s.Host, Identity: s.Identity} }
	link.Hear(h.link, bus.CallMakeReady, func(q bus.MakeReady, answer func(bus.Done, error)) {
		h.log.Info("the other host is about to hand over", "cause", q.Cause, "step", role.B3)
		answer(bus.Done{}, nil)
	})
	link.Hear(h.link, bus.CallHandOver, func(q bus.HandOver, answer func(bus.Done, error)) {
		in := role.HandOver{From: member(q.LinkSender), Epoch: q.Epoch, Revision: q.Revision, Position: q.Position, Drained: q.Drained, Cause: q.Cause}
		h.driver.inputs <- envelope{in: in, after: func(_ []role.Action, v role.View) {
			var err error
			if v.Role != role.Takeover {
				err = fmt.Errorf("%w: it is %s, %s", errCantTake, v.Role, v.Waiting)
			}
			answer(bus.Done{}, err)
		}}
	})
	link.Hear(h.link, bus.CallCantTake, func(q bus.CantTake, answer func(bus.Done, error)) {
		h.driver.Give(role.HandOverRefused{Reason: q.Cause})
		answer(bus.Done{}, nil)
	})
	link.Hear(h.link, bus.CallResign, func(q bus.Resigned, answer func(bus.Done, error)) {
		h.driver.Give(role.Resigned{From: member(q.LinkSender)})
		answer(bus.Done{}, nil)
	})
	link.Hear(h.link, bus.CallHandEvents, pairLog{h}.take)
}
