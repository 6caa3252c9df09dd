package mainprocess

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/events"
	"github.com/hotpair/hotpair/services/operator"
)

// allAlarms are the pair's, this host's, and those that the other host tells of while it is heard.
func (h *host) allAlarms() []bus.Alarm {
	var others []bus.Alarm
	v := h.driver.View()
	if theirs := h.peerAlarms.Load(); theirs != nil && v.HasPeer && h.clock()-v.HeardAt < 2*h.config.Lease {
		for _, a := range *theirs {
			a.Host = v.Peer.Host
			others = append(others, a)
		}
	}
	return alarms.Join(h.events.Pinned(), h.alarms.List(), others)
}

// listAlarms gives what is raised, the worst first, and how the hooks do. It answers whatever else is down.
func (h *host) listAlarms(context.Context, operator.Caller, operator.None) (operator.AlarmList, error) {
	return operator.AlarmList{Host: h.config.Host, Alarms: h.allAlarms(), Hooks: h.hooks.States()}, nil
}

// ackAlarm ends an alarm that only an operator ends, on both hosts and for good. Only the host that serves can change what the
// pair keeps.
func (h *host) ackAlarm(ctx context.Context, caller operator.Caller, q operator.AckRequest) (operator.Acknowledged, error) {
	v := h.driver.View()
	if !v.Serving {
		return operator.Acknowledged{}, fmt.Errorf("%w: nobody serves; only the host that serves can acknowledge", operator.ErrRefused)
	}
	alarm, err := h.toAcknowledge(ctx, q.ID)
	if err != nil {
		return operator.Acknowledged{}, err
	}
	who := callerName(caller)
	e := h.events.Note(bus.Event{Kind: bus.EventAlarm, Epoch: v.Epoch, Alarm: &alarm, State: bus.AlarmAcknowledged,
		Text:    fmt.Sprintf("alarm %s acknowledged by %s: %s", alarm.ID, who, alarm.Text),
		Details: map[string]string{events.DetailCall: caller.ID, events.DetailFrom: caller.From, events.DetailVia: caller.Via}})
	h.log.Info(e.Text, "alarm", alarm.ID, "call", caller.ID)
	h.hooks.Tell(alarm, bus.AlarmAcknowledged)
	if err := h.events.Await(ctx, e); err != nil {
		return operator.Acknowledged{}, fmt.Errorf("%w: the pair has not kept it yet, but may: %w", operator.ErrUnfinished, err)
	}
	return operator.Acknowledged{ID: caller.ID, Alarm: alarm}, nil
}

// toAcknowledge finds the alarm that waits for an operator.
func (h *host) toAcknowledge(ctx context.Context, id string) (bus.Alarm, error) {
	page, err := pairLog{h}.Events(ctx, bus.EventsRequest{Limit: 1})
	if err != nil {
		return bus.Alarm{}, fmt.Errorf("%w: the updater does not answer: %w", operator.ErrUnavailable, err)
	}
	is := func(a bus.Alarm) bool { return a.ID == id }
	if i := slices.IndexFunc(page.Alarms, is); i >= 0 {
		return page.Alarms[i], nil
	}
	if i := slices.IndexFunc(h.allAlarms(), is); i >= 0 && !alarms.KindOf(id).Acknowledge {
		return bus.Alarm{}, fmt.Errorf("%w: %s ends by itself when its cause is gone: %s", operator.ErrRefused, id, alarms.KindOf(id).Remedy)
	}
	return bus.Alarm{}, fmt.Errorf("%w: no alarm %q waits to be acknowledged", operator.ErrRefused, id)
}

// Facts implements alarms.Source.
func (h *host) Facts() alarms.Facts {
	v := h.driver.View()
	f := alarms.Facts{
		Host: h.config.Host, Data: h.config.Data, Lease: h.config.Lease, Now: h.clock(), Wall: time.Now(), View: v,
		Updater: h.updaterState.Load(), Terminals: h.terminalState.Load(), Starts: h.events.Starts(), Unaudited: h.auditor.Unfinished(), Unsaved: h.recorder.Unsaved(),
	}
	for _, k := range h.processes.children {
		status := k.keeper.Status()
		f.Processes = append(f.Processes, alarms.ProcessFacts{Name: k.name, Restarts: status.Restarts, GaveUp: status.GaveUp, Last: status.Last.String()})
	}
	if h.own == nil {
		w := h.witness.Status()
		f.Witness = &alarms.WitnessFacts{Address: h.config.Witness, Reachable: w.Reachable, Problem: w.Problem}
	}
	if v.WitnessReplaced {
		f.Replaced = replacedWitness(v)
	}
	return f
}
