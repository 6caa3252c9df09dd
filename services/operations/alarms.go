package operations

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
)

// answerAlarms answers what is wrong.
func (o *Operations) answerAlarms(r *registry.Registry) {
	registry.Answer(r, operator.CallAlarms, o.listAlarms)
	registry.Answer(r, operator.CallAckAlarm, o.ackAlarm)
}

// listAlarms returns the raised alarms, the worst first, and the state of the hooks. It answers whatever else is down.
func (o *Operations) listAlarms(context.Context, operator.Caller, operator.None) (operator.AlarmList, error) {
	return operator.AlarmList{Host: o.Host.Host, Alarms: o.Main.AllAlarms(), Hooks: o.Hooks.States()}, nil
}

// ackAlarm clears an alarm that waits for an acknowledgement, on both hosts. Only the host that serves can change what
// the pair keeps.
func (o *Operations) ackAlarm(ctx context.Context, caller operator.Caller, q operator.AckRequest) (operator.Acknowledged, error) {
	v := o.Machine.View()
	if !v.Serving {
		return operator.Acknowledged{}, fmt.Errorf("%w: nobody serves, and only the host that serves can acknowledge an alarm", operator.ErrRefused)
	}
	alarm, err := o.toAcknowledge(ctx, q.ID)
	if err != nil {
		return operator.Acknowledged{}, err
	}
	who := caller.By()
	e := o.Events.Note(bus.Event{Kind: bus.EventAlarm, Epoch: v.Epoch, Alarm: &alarm, State: bus.AlarmAcknowledged,
		Text:    fmt.Sprintf("alarm %s acknowledged by %s: %s", alarm.ID, who, alarm.Text),
		Details: actOf(caller, operator.CallAckAlarm.Name, o.Host.Host)})
	o.Log.Info(e.Text, "alarm", alarm.ID, "call", caller.ID)
	o.Hooks.Tell(alarm, bus.AlarmAcknowledged)
	if err := o.Events.Await(ctx, e); err != nil {
		return operator.Acknowledged{}, fmt.Errorf("%w: the acknowledgement is not stored yet, but may still be: %w", operator.ErrUnfinished, err)
	}
	return operator.Acknowledged{ID: caller.ID, Alarm: alarm}, nil
}

// eventsWithin bounds a query for the pair's alarms, which are kept with its events.
const eventsWithin = 3 * time.Second

// toAcknowledge finds the alarm that waits for an operator.
func (o *Operations) toAcknowledge(ctx context.Context, id string) (bus.Alarm, error) {
	page, err := bus.CallEvents.PostWait(ctx, o.Calls, bus.EventsRequest{Limit: 1}, eventsWithin)
	if err != nil {
		return bus.Alarm{}, fmt.Errorf("%w: the updater does not answer: %w", operator.ErrUnavailable, err)
	}
	is := func(a bus.Alarm) bool { return a.ID == id }
	if i := slices.IndexFunc(page.Alarms, is); i >= 0 {
		return page.Alarms[i], nil
	}
	if i := slices.IndexFunc(o.Main.AllAlarms(), is); i >= 0 && !alarms.KindOf(id).Acknowledge {
		return bus.Alarm{}, fmt.Errorf("%w: %s clears automatically when its cause is gone: %s", operator.ErrRefused, id, alarms.KindOf(id).Remedy)
	}
	return bus.Alarm{}, fmt.Errorf("%w: no alarm %q waits to be acknowledged", operator.ErrRefused, id)
}
