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
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/notes"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/role"
)

// Deadlines of orders. They only bound a process that does not answer; what may take long by nature says so.
const (
	orderDeadline   = 5 * time.Second
	serveDeadline   = 15 * time.Second // a resuming updater reads both journals
	requireDeadline = 30 * time.Second // the last frames of a catch-up
	// orderAgain is the pause before an order that failed is repeated.
	orderAgain = 250 * time.Millisecond
)

// performer carries out the orders of the role machine. Each action begins on the driver's goroutine; an action that
// takes time runs concurrently and returns as an input.
type performer struct {
	ctx     context.Context // ends with main's work
	log     *slog.Logger
	clock   lease.Clock
	wall    func() time.Time
	lease   time.Duration
	driver  *driver
	orders  *bus.Poster
	record  *notes.Record
	learned *notes.Learned
	peer    *peer
	reports *reports
	terms   *terms

	tickets   bus.TicketKey                       // of this run of main
	processes interface{ IsUp(name string) bool } // of this host
	resumed   bool                                // the updater resumes its term after a restart; used by the driver's goroutine only
	attaches  atomic.Uint64
	exit      chan struct{} // closed when the machine has ended this main's work
	exitOnce  sync.Once
	leaving   sync.WaitGroup // last messages that the end waits for
}

// newPerformer makes the performer of a main whose other parts are there.
func newPerformer(h *host) *performer {
	return &performer{ctx: h.ctx, log: h.log, clock: h.clock, wall: h.run.wall, lease: h.config.Lease, driver: h.driver, orders: h.orders,
		record: h.record, learned: notes.NewLearned(notes.By(h.orders), h.log),
		peer: h.peer, reports: h.reports, terms: h.terms, processes: h, tickets: ticket.NewKey(), exit: make(chan struct{})}
}

// perform begins one action. It runs on the driver's goroutine and never waits.
func (p *performer) perform(action role.Action) {
	switch a := action.(type) {
	case role.ReadRecord:
		p.driver.work.Go(p.readRecord)
	case role.WriteRecord:
		p.writeRecord(a)
	case role.SendBeat:
		p.peer.link.Now()
	case role.AskTerminals:
		asked := time.Now()
		bus.CallAskTerminals.Post(p.orders, bus.AskTerminals{Within: a.Within, Look: a.Look}, a.Within+a.Within/2+20*time.Millisecond,
			func(r bus.TerminalsAsked, _ error) { // a failed one has asked no terminal
				answer := func() {
					p.driver.Give(role.TerminalsAsked{Serial: a.Serial, Asked: r.Asked, Silent: r.Silent, Fresh: r.Fresh})
				}
				if len(r.Fresh) == 0 {
					answer()
					return
				}
				// A veto is reported when the time to ask is over: the machine then asks again, at this pace.
				time.AfterFunc(a.Within-time.Since(asked), answer)
			})
	case role.Prepare:
		bus.CallPrepare.Post(p.orders, bus.Prepare{Epoch: a.Epoch, AtLeast: a.AtLeast, Repair: a.Repair}, orderDeadline,
			func(r bus.Prepared, err error) {
				why := failure(err)
				p.driver.Give(role.Prepared{Serial: a.Serial, Position: r.Position, Unfit: why, Damaged: errors.Is(err, bus.ErrDamagedJournal)})
				if why == "" {
					// Reported after the machine, which waits for it: a takeover takes no longer.
					p.reports.report(role.Report{Step: role.B7, Epoch: a.Epoch, Text: fmt.Sprintf("the journal is fenced behind %v, the disk takes writes", r.Position)})
				}
			})
	case role.Release:
		p.insist(bus.ProcessUpdater, bus.CallRelease.Subject(), func(done func(error)) {
			bus.CallRelease.Post(p.orders, bus.Release{}, orderDeadline, func(_ bus.Done, err error) { done(err) })
		})
	case role.Serve:
		p.serve(a)
	case role.AttachTerminals:
		p.attachAs(a.Epoch, p.resumed)
	case role.Require:
		v := p.driver.View()
		order := bus.Require{Peer: a.Peer, Epoch: v.Epoch, Membership: a.Membership}
		if !a.Peer && p.record.Own == nil {
			order.RecordVersion, order.Record = v.Record.Version, encoded(v.Record)
		}
		bus.CallRequire.Post(p.orders, order, requireDeadline, func(_ bus.Required, err error) {
			p.driver.Give(role.Required{Serial: a.Serial, Failure: failure(err)})
		})
	case role.Drain:
		handover := p.terms.current
		p.driver.work.Go(func() { p.drain(a, handover) })
	case role.BecomeStandby:
		p.insist(bus.ProcessTerminalInterface, bus.CallDetach.Subject(), p.detach)
		p.insist(bus.ProcessUpdater, bus.CallStandby.Subject(), func(done func(error)) {
			bus.CallStandby.Post(p.orders, bus.Standby{Epoch: a.Epoch}, orderDeadline, func(_ bus.Done, err error) { done(err) })
		})
		p.learned.Note(bus.Note{Epoch: a.Epoch}) // an updater that is down starts as standby, but does not know of which epoch
	case role.WriteFacts:
		note := bus.Note{PairID: a.PairID, RecordVersion: a.RecordVersion, Epoch: a.Epoch}
		if a.Record != nil && p.record.Own == nil {
			note.Record = encoded(*a.Record)
		}
		p.learned.Note(note)
		if a.Record != nil && p.record.Own != nil {
			p.record.Own.Learn(*a.Record)
		}
	case role.Resign:
		p.leaving.Add(1)
		p.driver.work.Go(func() { defer p.leaving.Done(); p.resign(a) })
	case role.TellPeer:
		p.driver.work.Go(func() { p.tellPeer(a) })
	case role.Report:
		p.reports.report(a)
	case role.Exit:
		p.driver.work.Go(func() { p.leaving.Wait(); p.exitOnce.Do(func() { close(p.exit) }) })
	}
}

// encoded returns a record as it is stored. Encoding can't fail.
func encoded(r role.Record) json.RawMessage {
	raw, _ := json.Marshal(r)
	return raw
}

// failure returns an error as text for the machine; "" for none.
func failure(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// insist repeats an order whose only answer is that it was carried out, until it is, as long as the host keeps the
// role of the order. A process that went down starts without a term. It runs on the driver's goroutine.
func (p *performer) insist(process, order string, give func(done func(error))) {
	term := p.terms.current.ctx
	give(func(err error) {
		if err == nil || term.Err() != nil {
			return
		}
		p.log.Warn("a process did not carry out an order; it is repeated", "process", process, "order", order, "error", err)
		time.AfterFunc(orderAgain, func() {
			p.driver.during(term, func() {
				if p.processes.IsUp(process) {
					p.insist(process, order, give)
				}
			})
		})
	})
}

func (p *performer) arbiterDeadline() time.Duration { return max(p.lease/2, 100*time.Millisecond) }

func (p *performer) readRecord() {
	ctx, cancel := context.WithTimeout(p.ctx, p.arbiterDeadline())
	defer cancel()
	v, err := p.record.Read(ctx)
	if err != nil {
		p.driver.Give(role.RecordRead{Failed: true, Wall: p.wall()})
		return
	}
	p.driver.Give(role.RecordRead{Record: v.Record, Revision: v.Revision, WitnessID: v.WitnessID, Empty: v.Empty, Wall: p.wall()})
}

// writeRecord makes this host's note of membership durable, if the record needs one, then tries the compare-and-set.
func (p *performer) writeRecord(a role.WriteRecord) {
	note := bus.Note{Membership: &membership.Note{Version: a.Record.Version, Epoch: a.Record.Epoch}}
	if a.Expected > 0 {
		// The id in a first record is only a proposal until it is written: a host that noted the id and died before
		// the write would not be empty any more, and the pair could never begin.
		note.PairID = a.Record.PairID
	}
	write := func() {
		ctx, cancel := context.WithTimeout(p.ctx, p.arbiterDeadline())
		defer cancel()
		revision, err := p.record.Replace(ctx, a.Expected, a.Over, a.Record)
		p.driver.Give(role.RecordWritten{Ticket: a.Ticket, Outcome: outcome(err), Revision: revision})
	}
	if a.Unnoted || !a.Record.NeedsNote() {
		p.driver.work.Go(write)
		return
	}
	bus.CallNote.Post(p.orders, note, orderDeadline, func(_ bus.Done, err error) {
		if err != nil {
			p.log.Warn("the note of membership could not be stored, so the pair record is not changed", "error", err)
			p.driver.Give(role.RecordWritten{Ticket: a.Ticket, Outcome: role.Unwritten})
			return
		}
		go write()
	})
}

func outcome(err error) role.Outcome {
	switch {
	case err == nil:
		return role.Won
	case errors.Is(err, arbiter.ErrConflict):
		return role.Lost
	case errors.Is(err, arbiter.ErrUnreachable):
		return role.Unwritten
	}
	return role.InDoubt
}

func (p *performer) serve(a role.Serve) {
	p.resumed = a.Resume
	order := bus.Serve{Epoch: a.Epoch, RecordVersion: a.RecordVersion, Resume: a.Resume, RequirePeer: a.RequirePeer, TicketKey: p.tickets}
	r := p.driver.View().Record
	if order.Forced = r.Forced; p.record.Own == nil && r.Version == a.RecordVersion {
		order.Record = encoded(r)
	}
	bus.CallServe.Post(p.orders, order, serveDeadline, func(r bus.Served, err error) {
		p.driver.Give(role.Served{Epoch: a.Epoch, Position: r.Position, Unreadable: errors.Is(err, bus.ErrUnreadable), Failure: failure(err)})
	})
}

func (p *performer) attach(epoch uint64) { p.attachAs(epoch, false) }

// attachAs orders terminal-if to serve; the counter makes a later attach of the same epoch the newer one. It runs on
// the driver's goroutine.
func (p *performer) attachAs(epoch uint64, resumed bool) {
	v, term := p.driver.View(), p.terms.current.ctx
	order := bus.Attach{Epoch: epoch, Counter: p.attaches.Add(1), PairID: v.Record.PairID, Identity: v.Self.Identity, Resumed: resumed, TicketKey: p.tickets}
	bus.CallAttach.Post(p.orders, order, orderDeadline, func(r bus.Attached, err error) {
		p.driver.Give(role.TerminalsAttached{Epoch: epoch, Attached: r.Attached, Refused: r.Refused, Waiting: r.Unreachable, Failure: failure(err)})
		if err == nil {
			p.driver.during(term, func() { p.driver.work.Go(p.reports.auditor.Begin(term, epoch)) })
			return
		}
		time.AfterFunc(orderAgain, func() {
			p.driver.during(term, func() {
				if p.processes.IsUp(bus.ProcessTerminalInterface) { // else it is attached when it is up
					p.attachAs(epoch, true)
				}
			})
		})
	})
}

func (p *performer) detach(done func(error)) {
	bus.CallDetach.Post(p.orders, bus.Detach{}, orderDeadline, func(_ bus.Done, err error) { done(err) })
}

// drain ends the term from within: first requests in flight finish, then the processes of this host stop answering,
// then the updater ends the term. Rights never overlap: drain waits out the right of a terminal-if that does not
// confirm. If the hand-over is withdrawn, its term ends, and with it the rest of the drain.
func (p *performer) drain(a role.Drain, handover term) {
	within := p.lease / 2
	if _, err := bus.CallDrainRequests.PostWait(handover.ctx, p.orders, bus.DrainRequests{Within: within}, within+p.lease/4); err != nil && handover.ctx.Err() == nil {
		p.log.Warn("requests in flight did not finish in time; terminals send them again", "error", err)
	}
	var last lease.Right
	stopped := make(chan error, 1)
	p.driver.during(handover.ctx, func() {
		last = p.terms.mute()
		p.detach(func(err error) { stopped <- err })
	})
	select {
	case err := <-stopped:
		if err != nil {
			p.log.Warn("terminal-if does not confirm that it stopped; waiting until its right to answer expires", "error", err)
			if err := pace.Rest(handover.ctx, last.Until-p.clock()); err != nil {
				return
			}
		}
	case <-handover.ctx.Done():
		return
	}
	if a.RightsOnly {
		p.driver.Give(role.Drained{Serial: a.Serial})
		return
	}
	p.driver.during(handover.ctx, func() {
		order := bus.Drain{Epoch: handover.epoch, Membership: &a.Membership}
		bus.CallDrain.Post(p.orders, order, orderDeadline, func(r bus.Drained, err error) {
			p.driver.Give(role.Drained{Serial: a.Serial, Position: r.Position, Failure: failure(err)})
		})
	})
}

// resign stores durably that this host left the in-sync set, then tells the other main.
func (p *performer) resign(a role.Resign) {
	ctx, cancel := context.WithTimeout(p.ctx, orderDeadline)
	defer cancel()
	if _, err := bus.CallNote.PostWait(ctx, p.orders, bus.Note{Membership: &a.Note}, orderDeadline); err != nil {
		p.log.Warn("could not store that this host leaves the in-sync set; the other host will detect it", "error", err)
		return
	}
	wait, cancelTell := context.WithTimeout(ctx, p.lease)
	defer cancelTell()
	if _, err := bus.CallResign.Ask(wait, p.peer.link.Roles(), bus.Resigned{LinkSender: p.peer.Sender()}); err != nil {
		p.log.Info("could not tell the other host that this host resigned", "error", err)
	}
}

func (p *performer) tellPeer(a role.TellPeer) {
	wait := max(p.lease/2, 100*time.Millisecond)
	ctx, cancel := context.WithTimeout(p.ctx, wait)
	defer cancel()
	var err error
	switch {
	case a.CantTake:
		_, err = bus.CallCantTake.Ask(ctx, p.peer.link.Roles(), bus.CantTake{LinkSender: p.peer.Sender(), Cause: a.Cause})
	case a.HandOver == nil:
		_, err = bus.CallMakeReady.Ask(ctx, p.peer.link.Roles(), bus.MakeReady{LinkSender: p.peer.Sender(), Cause: a.Cause})
	default:
		_, err = bus.CallHandOver.Ask(ctx, p.peer.link.Roles(), bus.HandOver{LinkSender: p.peer.Sender(), Epoch: a.HandOver.Epoch, Revision: a.HandOver.Revision,
			Position: a.HandOver.Position, Drained: a.HandOver.Drained, Cause: a.Cause})
		if fault.Remote(err) {
			p.driver.Give(role.HandOverRefused{Reason: "the other host refused: " + err.Error()})
		}
		// After any other failure it is unknown whether the other host received it: the machine's deadline decides.
		return
	}
	if err != nil {
		p.log.Info("could not tell the other host", "cause", a.Cause, "error", err)
	}
}
