package mainprocess

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/role"
)

// Deadlines of orders. They only bound a process that does not answer; what may take long by nature says so.
const (
	orderDeadline   = 5 * time.Second
	serveDeadline   = 15 * time.Second // a resuming updater reads both journals
	requireDeadline = 30 * time.Second // the last frames of a catch-up
)

// perform begins one action. It runs on the driver's goroutine and never waits.
func (h *host) perform(action role.Action) {
	switch a := action.(type) {
	case role.ReadRecord:
		h.driver.work.Go(h.readRecord)
	case role.WriteRecord:
		h.writeRecord(a)
	case role.SendBeat:
		h.link.Now()
	case role.AskTerminals:
		asked := time.Now()
		bus.CallAskTerminals.Post(h.orders, bus.AskTerminals{Within: a.Within}, a.Within+20*time.Millisecond,
			func(r bus.TerminalsAsked, _ error) {
				answer := func() { h.driver.Give(role.TerminalsAsked{Serial: a.Serial, Asked: r.Asked, Fresh: r.Fresh}) }
				if len(r.Fresh) == 0 {
					answer()
					return
				}
				// A veto is told when the time to ask is over: the machine asks again then, and this is its pace.
				time.AfterFunc(a.Within-time.Since(asked), answer)
			})
	case role.Prepare:
		bus.CallPrepare.Post(h.orders, bus.Prepare{Epoch: a.Epoch, AtLeast: a.AtLeast}, orderDeadline,
			func(r bus.Prepared, err error) {
				why := failure(err)
				h.driver.Give(role.Prepared{Serial: a.Serial, Position: r.Position, Unfit: why})
				if why == "" {
					// Told after the machine, which waits for it: what is told is where a takeover's time goes.
					h.report(role.Report{Step: role.B7, Epoch: a.Epoch, Text: fmt.Sprintf("the journal is fenced behind %v, the disk takes writes", r.Position)})
				}
			})
	case role.Release:
		tellUpdater(h, bus.CallRelease, bus.Release{})
	case role.Serve:
		h.serve(a)
	case role.AttachTerminals:
		h.attachAs(a.Epoch, h.resumed)
	case role.Require:
		order := bus.Require{Peer: a.Peer, Epoch: h.driver.View().Epoch, Membership: a.Membership}
		bus.CallRequire.Post(h.orders, order, requireDeadline, func(_ bus.Required, err error) {
			h.driver.Give(role.Required{Serial: a.Serial, Failure: failure(err)})
		})
	case role.Drain:
		handover := h.tenure
		h.driver.work.Go(func() { h.drain(a, handover) })
	case role.BecomeStandby:
		h.detach(func(error) {})
		tellUpdater(h, bus.CallStandby, bus.Standby{Epoch: a.Epoch})
	case role.WriteFacts:
		tellUpdater(h, bus.CallNote, bus.Note{PairID: a.PairID, RecordVersion: a.RecordVersion})
		if a.Record != nil && h.own != nil {
			h.driver.work.Go(func() { h.learnRecord(*a.Record) })
		}
	case role.Resign:
		h.leaving.Add(1)
		h.driver.work.Go(func() { defer h.leaving.Done(); h.resign(a) })
	case role.TellPeer:
		h.driver.work.Go(func() { h.tellPeer(a) })
	case role.Report:
		h.report(a)
	case role.Exit:
		h.driver.work.Go(func() { h.leaving.Wait(); h.exitOnce.Do(func() { close(h.exit) }) })
	}
}

// failure is an error as the machine is told it; "" is none.
func failure(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// tellUpdater gives an order whose only answer is that it was carried out.
func tellUpdater[Q any](h *host, e bus.Endpoint[Q, bus.Done], q Q) {
	e.Post(h.orders, q, orderDeadline, func(_ bus.Done, err error) {
		if err != nil && h.ctx.Err() == nil {
			h.log.Warn("the updater did not carry out an order", "order", e.Subject(), "error", err)
		}
	})
}

func (h *host) arbiterDeadline() time.Duration { return max(h.config.Lease/2, 100*time.Millisecond) }

func (h *host) readRecord() {
	ctx, cancel := context.WithTimeout(h.ctx, h.arbiterDeadline())
	defer cancel()
	v, err := h.register.Read(ctx)
	if err != nil {
		h.driver.Give(role.RecordRead{Failed: true, Wall: time.Now()})
		return
	}
	h.driver.Give(role.RecordRead{Record: v.Record, Revision: v.Revision, WitnessID: v.WitnessID, Empty: v.Empty, Wall: time.Now()})
}

// learnRecord keeps what the other host knows, without a witness.
func (h *host) learnRecord(record role.Record) {
	ctx, cancel := context.WithTimeout(h.ctx, orderDeadline)
	defer cancel()
	if err := h.own.learn(ctx, record); err != nil && h.ctx.Err() == nil {
		h.log.Warn("the own copy of the pair record is behind", "error", err)
	}
}

// writeRecord makes this host's note of membership durable, then tries the compare-and-set.
func (h *host) writeRecord(a role.WriteRecord) {
	note := bus.Note{Membership: &membership.Note{Version: a.Record.Version, Epoch: a.Record.Epoch}}
	if a.Expected > 0 {
		// The id in a first record is only a proposal until that is written: a host that noted it and died before would be
		// empty no more, and the pair could never begin.
		note.PairID = a.Record.PairID
	}
	bus.CallNote.Post(h.orders, note, orderDeadline, func(_ bus.Done, err error) {
		if err != nil {
			h.log.Warn("the note of membership is not durable, so the pair record is left alone", "error", err)
			h.driver.Give(role.RecordWritten{Ticket: a.Ticket, Outcome: role.Unwritten})
			return
		}
		go func() {
			ctx, cancel := context.WithTimeout(h.ctx, h.arbiterDeadline())
			defer cancel()
			revision, err := h.register.Write(ctx, a.Record, a.Expected)
			if err == nil {
				h.wroteRecord.Store(int64(h.clock()))
			}
			h.driver.Give(role.RecordWritten{Ticket: a.Ticket, Outcome: outcome(err), Revision: revision})
		}()
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

func (h *host) serve(a role.Serve) {
	h.resumed = a.Resume
	order := bus.Serve{Epoch: a.Epoch, RecordVersion: a.RecordVersion, Resume: a.Resume, RequirePeer: a.RequirePeer}
	bus.CallServe.Post(h.orders, order, serveDeadline, func(r bus.Served, err error) {
		h.driver.Give(role.Served{Epoch: a.Epoch, Position: r.Position, Unreadable: errors.Is(err, bus.ErrUnreadable), Failure: failure(err)})
	})
}

func (h *host) attach(epoch uint64) { h.attachAs(epoch, false) }

// attachAs orders terminal-if to serve; the counter makes a later attach of the same epoch the newer one. It runs on the
// driver's goroutine.
func (h *host) attachAs(epoch uint64, resumed bool) {
	v, term := h.driver.View(), h.tenure.ctx
	order := bus.Attach{Epoch: epoch, Counter: h.attachCounter.Add(1), PairID: v.Record.PairID, Identity: v.Self.Identity, Resumed: resumed}
	bus.CallAttach.Post(h.orders, order, orderDeadline, func(r bus.Attached, err error) {
		h.driver.Give(role.TerminalsAttached{Epoch: epoch, Attached: r.Attached, Refused: r.Refused, Waiting: r.Unreachable, Failure: failure(err)})
		if err == nil {
			h.driver.during(term, func() { h.driver.work.Go(h.auditor.Begin(term, epoch)) })
		}
	})
}

func (h *host) detach(done func(error)) {
	bus.CallDetach.Post(h.orders, bus.Detach{}, orderDeadline, func(_ bus.Done, err error) { done(err) })
}

// drain ends the term from within: requests in flight are finished, then no process of this host answers any more,
// then the updater ends the term. Rights never overlap: a terminal-if that does not confirm is outlasted. A hand-over
// that is taken back ends its tenure, and with it what the drain still had to do.
func (h *host) drain(a role.Drain, handover tenure) {
	within := h.config.Lease / 2
	if _, err := bus.CallDrainRequests.PostWait(handover.ctx, h.orders, bus.DrainRequests{Within: within}, within+h.config.Lease/4); err != nil && handover.ctx.Err() == nil {
		h.log.Warn("requests in flight were not finished; terminals send them again", "error", err)
	}
	var last lease.Right
	stopped := make(chan error, 1)
	h.driver.during(handover.ctx, func() {
		last = h.Right()
		h.tenure.muted = true
		h.renew(lease.Right{})
		h.detach(func(err error) { stopped <- err })
	})
	select {
	case err := <-stopped:
		if err != nil {
			h.log.Warn("terminal-if does not confirm that it stopped; its right is waited out", "error", err)
			if err := pace.Rest(handover.ctx, last.Until-h.clock()); err != nil {
				return
			}
		}
	case <-handover.ctx.Done():
		return
	}
	if a.RightsOnly {
		h.driver.Give(role.Drained{Serial: a.Serial})
		return
	}
	h.driver.during(handover.ctx, func() {
		order := bus.Drain{Epoch: handover.epoch, Membership: &a.Membership}
		bus.CallDrain.Post(h.orders, order, orderDeadline, func(r bus.Drained, err error) {
			h.driver.Give(role.Drained{Serial: a.Serial, Position: r.Position, Failure: failure(err)})
		})
	})
}

// resign notes durably that this host is out, then tells the other main.
func (h *host) resign(a role.Resign) {
	ctx, cancel := context.WithTimeout(h.ctx, orderDeadline)
	defer cancel()
	if _, err := bus.CallNote.PostWait(ctx, h.orders, bus.Note{Membership: &a.Note}, orderDeadline); err != nil {
		h.log.Warn("leaving the in-sync set could not be noted; the other host will notice by itself", "error", err)
		return
	}
	wait, cancelTell := context.WithTimeout(ctx, h.config.Lease)
	defer cancelTell()
	if _, err := bus.CallResign.Ask(wait, h.link.Roles(), bus.Resigned{LinkSender: h.Sender()}); err != nil {
		h.log.Info("the other host was not told of the resignation", "error", err)
	}
}

func (h *host) tellPeer(a role.TellPeer) {
	wait := max(h.config.Lease/2, 100*time.Millisecond)
	ctx, cancel := context.WithTimeout(h.ctx, wait)
	defer cancel()
	var err error
	switch {
	case a.CantTake:
		_, err = bus.CallCantTake.Ask(ctx, h.link.Roles(), bus.CantTake{LinkSender: h.Sender(), Cause: a.Cause})
	case a.HandOver == nil:
		_, err = bus.CallMakeReady.Ask(ctx, h.link.Roles(), bus.MakeReady{LinkSender: h.Sender(), Cause: a.Cause})
	default:
		_, err = bus.CallHandOver.Ask(ctx, h.link.Roles(), bus.HandOver{LinkSender: h.Sender(), Epoch: a.HandOver.Epoch, Revision: a.HandOver.Revision,
			Position: a.HandOver.Position, Drained: a.HandOver.Drained, Cause: a.Cause})
		if fault.Remote(err) {
			h.driver.Give(role.HandOverRefused{Reason: "the other host refused: " + err.Error()})
		}
		// Any other failure leaves it open whether the other host heard: the machine's deadline decides.
		return
	}
	if err != nil {
		h.log.Info("the other host was not told", "cause", a.Cause, "error", err)
	}
}
