package mainprocess

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/role"
)

// Names of details of events.
const (
	detailProcess = "process" // the process that it is about
	detailCall    = "call"    // id of an operator's call
	detailWhat    = "what"    // what an operator wanted
	detailFrom    = "from"    // address that the operator called from
	detailVia     = "via"     // host that took the operator's call
	detailMissing = "missing" // outcome of an audit, as the fields of operator.Audit
	detailChecked = "checked"
	detailGap     = "gap_worst_ms"
	detailMedian  = "gap_median_ms"
	detailFelt    = "felt"
)

// makeEvents makes what deals with events and alarms. Nothing runs yet.
func (h *host) makeEvents() {
	h.events = newEvents(h.config.Host, h.incarnation)
	h.alarms = newAlarms(h.config.Host, h.alarmChanged)
	h.hooks = newHooks(h.config.Hooks, h.log)
	h.recorder = newRecorder(h.events, h.config.Data, h.log)
	h.recorder.send, h.recorder.unsaved = h.sendEvents, func(err error) { h.unsaved.Store(&err) }
	h.reader = newLogReader(h.events)
	h.reader.ask, h.reader.heard = h.askEvents, h.heardEvents
}

// runEvents runs it, as a part of main.
func (h *host) runEvents(ctx context.Context, group *errgroup.Group) {
	group.Go(func() error { return h.recorder.run(ctx) })
	group.Go(func() error { return h.reader.run(ctx) })
	group.Go(func() error { return newWatch(h.alarms, h.causes, h.clock).run(ctx) })
	group.Go(func() error { return h.hooks.run(ctx) })
	h.tell(bus.Event{Kind: bus.EventProcess, Text: fmt.Sprintf("main started, pid %d", h.pid), Details: map[string]string{detailProcess: bus.ProcessMain}}, false)
}

// tell makes an event and a line of the log. opens: it is the first step of a procedure.
func (h *host) tell(e bus.Event, opens bool) {
	e = h.events.add(e, opens)
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

// processEvent is a restart in place (B1) and what surrounds it.
func (h *host) processEvent(name, text string) {
	h.tell(bus.Event{Kind: bus.EventProcess, Step: string(role.B1), Epoch: h.driver.View().Epoch, Text: name + ": " + text,
		Details: map[string]string{detailProcess: name}}, false)
}

// Called implements operator.Events.
func (h *host) Called(caller operator.Caller, what string, failure error) {
	e := bus.Event{Kind: bus.EventOperator, Epoch: h.driver.View().Known,
		Details: map[string]string{detailWhat: what, detailCall: caller.ID, detailFrom: caller.From, detailVia: h.config.Host}}
	if failure == nil {
		e.Text = fmt.Sprintf("%s wanted by an operator from %s", what, caller.From)
	} else {
		e.Text = fmt.Sprintf("%s did not happen: %v", what, failure)
	}
	h.tell(e, false)
}

// alarmChanged makes an event of an alarm that was raised, cleared or acknowledged, and has the hooks told. It runs under
// the lock of the alarms and doesn't block.
func (h *host) alarmChanged(a bus.Alarm, state string) {
	e := bus.Event{Kind: bus.EventAlarm, Alarm: &a, State: state, Text: fmt.Sprintf("alarm %s %s: %s", a.ID, state, a.Text)}
	e = h.events.note(e)
	if state == bus.AlarmRaised {
		h.log.Warn(e.Text, "alarm", a.ID, "severity", a.Severity)
	} else {
		h.log.Info(e.Text, "alarm", a.ID)
	}
	h.hooks.tell(a, state)
}

// heardEvents is told of what is new in the pair's log: an alarm that stands there is the pair's, no longer this host's.
func (h *host) heardEvents(list []bus.Event) {
	for _, e := range list {
		if e.Alarm == nil || !e.Alarm.Acknowledge {
			continue
		}
		if e.State == bus.AlarmAcknowledged {
			h.auditor.accept()
		}
		if e.State == bus.AlarmAcknowledged || e.Host == h.config.Host && e.Incarnation == h.incarnation {
			h.alarms.forget(e.Alarm.ID)
		}
	}
}
