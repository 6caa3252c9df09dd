package mainprocess

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/flightrecorder"
	"github.com/hotpair/hotpair/services/keyring"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/notes"
	"github.com/hotpair/hotpair/services/operations"
	"github.com/hotpair/hotpair/services/operator/web"
	"github.com/hotpair/hotpair/services/processes"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/wires"
)

// host is one running main, assembled from its parts.
type host struct {
	config config.Host
	log    *slog.Logger
	clock  lease.Clock
	ctx    context.Context // for what runs on after the stop begins, until the end is clean
	run    run

	driver     *driver
	orders     *bus.Poster
	heard      heard
	record     *notes.Record
	fitness    *processes.Fitness
	processes  *processes.Processes
	peer       *peer
	operations *operations.Operations // requests of operators
	traces     *flightrecorder.Recorder
	measures   measures
	began      struct{ own, peer beginning } // catch-ups

	*reports
	*terms
	*performer
}

// hold keeps a main from all outward work: its data were restored and the restore was not finished.
type hold struct {
	by    *bus.Restored      // nil: main is not held
	found chan *bus.Restored // found by the updater, although main was not held at its start
}

// why returns what holds main back, "" for nothing.
func (h hold) why(host string) string {
	if h.by == nil {
		return ""
	}
	return h.by.Sentence(host)
}

// watch ends a main whose data turn out to be restored: its next run is held.
func (h hold) watch(ctx context.Context, host string) error {
	select {
	case r := <-h.found:
		return errors.New(r.Sentence(host))
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run is this run of main.
type run struct {
	incarnation uint64
	version     string // level that this program reports
	pid         int
	started     time.Time
	wall        func() time.Time // wall clock of the host
	built       time.Time        // build time of this program; zero if unknown
	hold        hold
	network     bus.Network     // nil: TCP
	keys        *keyring.Keeper // nil without certificates or witness
	wires       *wires.Survey
	web         *web.Server
}

// stepped runs on the driver's goroutine after each step: it renews the right at terminal-if when it changed.
func (h *host) stepped(v role.View, right lease.Right) {
	if h.follow(v) {
		h.peer.link.Now()
		if v.Role == role.Active {
			h.traces.Note(fmt.Sprintf("epoch-%d", v.Epoch))
		}
	}
	h.renew(right)
	h.operations.Stepped(v)
	h.reports.stepped()
	h.measures.stepped(v)
}

// ticked sends a beat to the other main: it proves that this main still decides.
func (h *host) ticked() { h.peer.link.Now() }

// ProcessUp is called when a process becomes ready for its work.
func (h *host) ProcessUp(name string) {
	switch name {
	case bus.ProcessUpdater:
		h.askFacts()
		h.peer.tellClocks()
		h.reader.Wake()
	case bus.ProcessTerminalInterface:
		h.processes.AnnounceAll()
		h.operations.TellTerminals() // before anything is attached
		h.driver.during(h.ctx, func() {
			h.publish(h.Right())
			// It lost its orders: within a term it attaches again, under a higher counter.
			if v := h.driver.View(); v.Serving {
				h.attach(v.Epoch)
			}
		})
	}
}

// askFacts asks a started updater for the facts on disk. Until then this main sends no hello, grants and submits nothing.
func (h *host) askFacts() {
	bus.CallFacts.Post(h.orders, bus.FactsRequest{}, 5*time.Second, func(f bus.Facts, err error) {
		if err != nil {
			h.log.Warn("the updater does not report what is on disk; asking again", "error", err)
			time.AfterFunc(orderAgain, func() {
				if h.ctx.Err() == nil && h.processes.IsUp(bus.ProcessUpdater) {
					h.askFacts()
				}
			})
			return
		}
		h.learned.Wake()
		if f.Restored != nil && h.run.hold.by == nil {
			select {
			case h.run.hold.found <- f.Restored:
			default:
			}
		}
		if f.Restored != nil || h.run.hold.by != nil {
			return // without facts the role machine does nothing
		}
		if h.record.Own != nil {
			if err := h.record.Own.Load(f.Record); err != nil {
				h.log.Error("the state on disk is damaged; this host waits for the state of the other host", "error", err)
			}
		}
		var last role.Record
		if h.record.Own == nil && len(f.Record) > 0 {
			if err := json.Unmarshal(f.Record, &last); err != nil {
				h.log.Error("the pair record on disk is unreadable and is ignored", "error", err)
				last = role.Record{}
			}
		}
		h.heard.empty.Store(f.Empty)
		h.driver.Give(role.FactsRead{
			Record:   last,
			Identity: f.Identity, PairID: f.PairID, Epoch: f.Epoch, Note: f.Note, RecordVersion: f.RecordVersion,
			Position: f.Position, Inconsistent: f.Inconsistent, Empty: f.Empty,
		})
	})
}

func (h *host) ProcessDown(name string) {
	h.orders.Lost(name)
	switch name {
	case bus.ProcessCourier:
		h.operations.Emitted.Lose()
	case bus.ProcessUpdater:
		h.heard.updater.Store(nil)
		h.operations.Book.Lose()
		v := h.driver.View()
		h.driver.Give(role.UpdaterState{Committed: v.Committed})
	}
}

// ProcessState receives the state that a process sends with its beats.
func (h *host) ProcessState(name string, raw json.RawMessage) {
	switch name {
	case bus.ProcessUpdater:
		var s bus.UpdaterState
		if err := bus.DecodeJSON(raw, &s); err != nil {
			h.log.Warn("unreadable state of the updater", "error", err)
			return
		}
		before := h.heard.updater.Swap(&s)
		changed := before == nil || before.System != s.System
		if changed {
			h.operations.SystemChanged()
		}
		if before != nil && s.Divergent > before.Divergent {
			h.tell(bus.Event{Kind: bus.EventRole, Epoch: h.driver.View().Known, Text: fmt.Sprintf("%d updates existed on this host only and are kept as divergent (%d of them were acknowledged); to list them: hotpair history diverged", s.Divergent-before.Divergent, s.DivergentCommitted-before.DivergentCommitted)}, false)
		}
		h.driver.Give(role.UpdaterState{
			Position: s.Position, Committed: s.Committed, Peer: processes.Progress(s.Peer),
			OldestFrame: s.OldestFrame, OwnStuck: s.OwnStuck, Inconsistent: s.Inconsistent, Note: s.Note,
		})
		if changed {
			h.reader.Wake()
		}
		h.fitness.Write(s.Unfit)
		if before == nil || before.Connection != s.Connection {
			h.peer.giveEvidence()
		}
	case bus.ProcessCourier:
		h.operations.Emitted.Take(raw)
	case bus.ProcessTerminalInterface:
		var s bus.TerminalState
		if err := bus.DecodeJSON(raw, &s); err != nil {
			h.log.Warn("unreadable state of terminal-if", "error", err)
			return
		}
		if s.Unaudited > 0 {
			h.driver.during(h.ctx, h.auditLate)
		}
		h.operations.HeardTerminals(h.heard.terminals.Swap(&s), &s)
		h.driver.Give(role.Terminals{Attached: s.Attached, Warm: s.Warm, Unreachable: s.Unreachable, MostEpoch: s.MostEpoch})
	}
}
