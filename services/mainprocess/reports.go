package mainprocess

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/audit"
	"github.com/hotpair/hotpair/services/events"
	"github.com/hotpair/hotpair/services/operations"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/trail"
)

// reports are what a main reports: events, alarms, and the findings of audits.
type reports struct {
	host     string
	log      *slog.Logger
	ctx      context.Context // of main's work
	driver   *driver
	events   *events.Memory
	trail    *trail.Trail
	recorder *events.Recorder
	reader   *events.Reader
	alarms   *alarms.Set
	hooks    *alarms.Hooks
	auditor  *audit.Auditor
	at       destination // destination of events at the last step; used by the driver's goroutine only
}

// newReports makes the parts for events and alarms. Nothing runs yet.
func newReports(h *host) *reports {
	r := &reports{host: h.config.Host, log: h.log, ctx: h.ctx, driver: h.driver}
	r.trail = trail.New(trail.Config{To: h.config.AuditTrail, Host: h.config.Host, Incarnation: h.run.incarnation, Log: h.log})
	r.events = events.NewMemory(h.config.Host, h.run.incarnation, r.trail)
	r.hooks = alarms.NewHooks(h.config.Hooks, h.log)
	r.alarms = alarms.NewSet(h.config.Host, h.run.incarnation, alarms.Announce(r.events, h.log), r.hooks)
	r.auditor = audit.New(audit.Config{Pair: auditCalls{h}, Events: r.events, Alarms: r.alarms, Counts: &h.measures, Log: h.log})
	r.recorder = events.NewRecorder(r.events, h.config.Data, pairLog{h}, h.log)
	r.reader = events.NewReader(r.events, pairLog{h}, r.alarms, r.auditor)
	return r
}

// start runs it, as a part of main.
func (r *reports) start(ctx context.Context, group *errgroup.Group, facts alarms.Source, pid int) {
	group.Go(func() error { return r.recorder.Run(ctx) })
	group.Go(func() error { return r.reader.Run(ctx) })
	group.Go(func() error { return alarms.NewWatch(r.alarms, facts).Run(ctx) })
	group.Go(func() error { return r.hooks.Run(ctx) })
	r.tell(bus.Event{Kind: bus.EventProcess, Text: fmt.Sprintf("main started, pid %d", pid), Details: map[string]string{events.DetailProcess: bus.ProcessMain}}, false)
}

// stepped wakes the recorder when the destination of events changes. It runs on the driver's goroutine.
func (r *reports) stepped() {
	if to := r.recordsAt(); to != r.at {
		r.at = to
		r.recorder.Wake()
	}
}

// tell records an event and logs it. opens marks the first step of a procedure.
func (r *reports) tell(e bus.Event, opens bool) {
	e, told := r.events.Add(e, opens)
	if !told {
		r.log.Debug(e.Text, "epoch", e.Epoch)
		return
	}
	attributes := []any{"epoch", e.Epoch}
	if e.Step != "" {
		attributes = append(attributes, "step", e.Step)
	}
	if e.Took > 0 {
		attributes = append(attributes, "took", e.Took)
	}
	r.log.Info(e.Text, attributes...)
}

// report records an event of the role machine. It runs on the driver's goroutine.
func (r *reports) report(a role.Report) {
	e := bus.Event{Kind: bus.EventRole, Step: string(a.Step), Epoch: a.Epoch, Text: a.Text}
	switch {
	case a.Step == role.B1 || a.Step == role.B2:
		e.Kind = bus.EventProcess
	case a.Step == "" && r.driver.View().Role == role.Active:
		e.Kind = bus.EventPair // an active's reports besides the steps concern the other host
	}
	r.tell(e, a.Opens)
}

// ProcessEvent records a restart in place (B1) and related events.
func (r *reports) ProcessEvent(name, text string) {
	r.tell(bus.Event{Kind: bus.EventProcess, Step: string(role.B1), Epoch: r.driver.View().Epoch, Text: name + ": " + text,
		Details: map[string]string{events.DetailProcess: name}}, false)
}

// Called implements web.Host.
func (r *reports) Called(caller operator.Caller, what string, failure error) {
	e := operations.Called(caller, what, r.host, failure)
	e.Epoch = r.driver.View().Known
	r.tell(e, false)
}

// destination says which updater records events now; the recorder is woken when it changes.
type destination struct {
	epoch uint64 // epoch of the serving host; 0 while no host serves
	peer  bool
}

// recordsAt returns the destination as this host sees it.
func (r *reports) recordsAt() destination {
	switch v := r.driver.View(); {
	case v.Serving:
		return destination{epoch: v.Epoch}
	case v.HasPeer && v.Peer.Serving:
		return destination{epoch: v.Peer.Epoch, peer: true}
	}
	return destination{}
}

// pairLog is the pair's event log, which the updaters keep: the active host's updater records events, and either
// updater can be asked for them.
type pairLog struct{ h *host }

// Record implements events.Sender. It sends events to the updater of the active host: this host's, or over the link
// the other host's.
func (l pairLog) Record(ctx context.Context, batch []bus.Event) (last uint64, err error) {
	var r bus.RecordedEvents
	switch to := l.h.reports.recordsAt(); {
	case to.epoch == 0:
		return 0, events.ErrNobodyRecords
	case to.peer:
		r, err = bus.CallHandEvents.Ask(ctx, l.h.peer.link.Bulk(), bus.HandEvents{LinkSender: l.h.peer.Sender(), Events: batch})
	default:
		r, err = bus.CallRecord.PostWait(ctx, l.h.orders, bus.RecordEvents{Events: batch}, events.HandWithin)
	}
	return r.Last, err
}

// take records events from the other main, if this host serves.
func (l pairLog) take(q bus.HandEvents, answer func(bus.RecordedEvents, error)) {
	for _, e := range q.Events {
		if e.Host != q.Host {
			answer(bus.RecordedEvents{}, fmt.Errorf("%w: an event of %q sent by %q", bus.ErrRefused, e.Host, q.Host))
			return
		}
	}
	if to := l.h.reports.recordsAt(); to.epoch == 0 || to.peer {
		answer(bus.RecordedEvents{}, fmt.Errorf("%w: %s does not serve", bus.ErrRefused, l.h.config.Host))
		return
	}
	bus.CallRecord.Post(l.h.orders, bus.RecordEvents{Events: q.Events}, events.HandWithin, answer)
}

// eventsWithin bounds a question for a page: less than an operator's patience: memory can answer instead.
const eventsWithin = 3 * time.Second

// Events implements events.Log: it asks this host's updater.
func (l pairLog) Events(ctx context.Context, q bus.EventsRequest) (bus.EventsPage, error) {
	return bus.CallEvents.PostWait(ctx, l.h.orders, q, eventsWithin)
}

// Events implements registry.Log.
func (r *reports) Events(ctx context.Context, q bus.EventsRequest) (bus.EventsPage, error) {
	return r.reader.Events(ctx, q)
}

// Follow implements registry.Log. The channel is closed when ctx or this main ends.
func (r *reports) Follow(ctx context.Context, from uint64) <-chan operator.Event {
	out := make(chan operator.Event)
	ctx, cancel := context.WithCancel(ctx)
	follows := r.reader.Follow(ctx, from)
	r.driver.work.Go(func() {
		defer close(out)
		defer cancel()
		defer context.AfterFunc(r.ctx, cancel)()
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
