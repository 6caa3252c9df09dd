package mainprocess

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/audit"
	"github.com/hotpair/hotpair/services/events"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/role"
)

// makeEvents makes what deals with events and alarms. Nothing runs yet.
func (h *host) makeEvents() {
	h.events = events.NewMemory(h.config.Host, h.incarnation)
	h.hooks = alarms.NewHooks(h.config.Hooks, h.log)
	h.alarms = alarms.NewSet(h.config.Host, h.incarnation, alarms.Announce(h.events, h.log), h.hooks)
	h.auditor = audit.New(audit.Config{Pair: auditCalls{h}, Events: h.events, Alarms: h.alarms, Counts: &h.measures, Log: h.log})
	h.recorder = events.NewRecorder(h.events, h.config.Data, pairLog{h}, h.log)
	h.reader = events.NewReader(h.events, pairLog{h}, h.alarms, h.auditor)
}

// runEvents runs it, as a part of main.
func (h *host) runEvents(ctx context.Context, group *errgroup.Group) {
	group.Go(func() error { return h.recorder.Run(ctx) })
	group.Go(func() error { return h.reader.Run(ctx) })
	group.Go(func() error { return alarms.NewWatch(h.alarms, h).Run(ctx) })
	group.Go(func() error { return h.hooks.Run(ctx) })
	h.tell(bus.Event{Kind: bus.EventProcess, Text: fmt.Sprintf("main started, pid %d", h.pid), Details: map[string]string{events.DetailProcess: bus.ProcessMain}}, false)
}

// tell makes an event and a line of the log. opens: it is the first step of a procedure.
func (h *host) tell(e bus.Event, opens bool) {
	e = h.events.Add(e, opens)
	attributes := []any{"epoch", e.Epoch}
	if e.Step != "" {
		attributes = append(attributes, "step", e.Step)
	}
	if e.Took > 0 {
		attributes = append(attributes, "took", e.Took)
	}
	h.log.Info(e.Text, attributes...)
}

// report makes an event of what the machine says. It runs on the driver's goroutine.
func (h *host) report(a role.Report) {
	e := bus.Event{Kind: bus.EventRole, Step: string(a.Step), Epoch: a.Epoch, Text: a.Text}
	switch {
	case a.Step == role.B1 || a.Step == role.B2:
		e.Kind = bus.EventProcess
	case a.Step == "" && h.driver.View().Role == role.Active:
		e.Kind = bus.EventPair // what an active tells beside the steps is about the other host
	}
	h.tell(e, a.Opens)
}

// ProcessEvent is a restart in place (B1) and what surrounds it.
func (h *host) ProcessEvent(name, text string) {
	h.tell(bus.Event{Kind: bus.EventProcess, Step: string(role.B1), Epoch: h.driver.View().Epoch, Text: name + ": " + text,
		Details: map[string]string{events.DetailProcess: name}}, false)
}

// Called implements web.Host.
func (h *host) Called(caller operator.Caller, what string, failure error) {
	e := bus.Event{Kind: bus.EventOperator, Epoch: h.driver.View().Known,
		Details: map[string]string{events.DetailWhat: what, events.DetailCall: caller.ID, events.DetailFrom: caller.From, events.DetailVia: h.config.Host}}
	if failure == nil {
		e.Text = fmt.Sprintf("%s wanted by an operator from %s", what, caller.From)
	} else {
		e.Text = fmt.Sprintf("%s did not happen: %v", what, failure)
	}
	h.tell(e, false)
}

// destination says who takes events into the log now; the recorder is woken when it changes.
type destination struct {
	epoch uint64 // of the term in which this host or the other one serves; 0: nobody does
	peer  bool
}

// recordsAt gives the destination as this host sees it.
func (h *host) recordsAt() destination {
	switch v := h.driver.View(); {
	case v.Serving:
		return destination{epoch: v.Epoch}
	case v.HasPeer && v.Peer.Serving:
		return destination{epoch: v.Peer.Epoch, peer: true}
	}
	return destination{}
}

// pairLog is the pair's event log, which the updaters keep: that of the host that serves takes events, either is asked for
// them.
type pairLog struct{ h *host }

// Record implements events.Sender. It hands events to the updater that serves: this host's, or over the link the other
// one's.
func (l pairLog) Record(ctx context.Context, batch []bus.Event) (last uint64, err error) {
	var r bus.RecordedEvents
	switch to := l.h.recordsAt(); {
	case to.epoch == 0:
		return 0, events.ErrNobodyRecords
	case to.peer:
		r, err = bus.CallHandEvents.Ask(ctx, l.h.link.Bulk(), bus.HandEvents{LinkSender: l.h.Sender(), Events: batch})
	default:
		r, err = bus.CallRecord.PostWait(ctx, l.h.orders, bus.RecordEvents{Events: batch}, events.HandWithin)
	}
	return r.Last, err
}

// take takes events that the other main sends into the log, if this host serves.
func (l pairLog) take(q bus.HandEvents, answer func(bus.RecordedEvents, error)) {
	for _, e := range q.Events {
		if e.Host != q.Host {
			answer(bus.RecordedEvents{}, fmt.Errorf("%w: an event of %q sent by %q", bus.ErrRefused, e.Host, q.Host))
			return
		}
	}
	if to := l.h.recordsAt(); to.epoch == 0 || to.peer {
		answer(bus.RecordedEvents{}, fmt.Errorf("%w: %s does not serve", bus.ErrRefused, l.h.config.Host))
		return
	}
	bus.CallRecord.Post(l.h.orders, bus.RecordEvents{Events: q.Events}, events.HandWithin, answer)
}

// eventsWithin bounds a question for a page: much less than an operator's patience, as there is memory to answer from.
const eventsWithin = 3 * time.Second

// Events implements events.Log: it asks this host's updater.
func (l pairLog) Events(ctx context.Context, q bus.EventsRequest) (bus.EventsPage, error) {
	return bus.CallEvents.PostWait(ctx, l.h.orders, q, eventsWithin)
}

// Events implements registry.Log.
func (h *host) Events(ctx context.Context, q bus.EventsRequest) (bus.EventsPage, error) {
	return h.reader.Events(ctx, q)
}

// Follow implements registry.Log. The channel is closed when ctx or this main ends.
func (h *host) Follow(ctx context.Context, from uint64) <-chan operator.Event {
	out := make(chan operator.Event)
	ctx, cancel := context.WithCancel(ctx)
	follows := h.reader.Follow(ctx, from)
	h.driver.work.Go(func() {
		defer close(out)
		defer cancel()
		defer context.AfterFunc(h.ctx, cancel)()
		for e := range follows {
			select {
			case out <- e:
			case <-ctx.Done():
				return
			}
		}
	})
	return out
}
