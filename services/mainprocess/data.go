package mainprocess

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/events"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/role"
)

// dataCalls are the calls about the pair's data that only the active can do.
func (h *host) dataCalls() map[string]remoteCall {
	return map[string]remoteCall{
		operator.CallAddTerminals:    callWith(h.AddTerminals),
		operator.CallRemoveTerminals: callWith(h.RemoveTerminals),
		operator.CallVerify:          callWith(h.BeginVerify),
		operator.CallVerifyStop:      callWith(h.stopVerify),
		operator.CallVerifyState:     callWith(h.verifyState),
	}
}

// localCalls are those that each host answers for itself when the other one asks, whatever its role.
func (h *host) localCalls() map[string]remoteCall {
	calls := map[string]remoteCall{
		callListTerminals:  callWith(h.listOwn),
		callProbeTerminals: callWith(h.probeOwn),
		callLook:           callWith(h.ownLook),
	}
	maps.Copy(calls, h.decisionLocalCalls())
	return calls
}

// Diverged gives what this host has set aside: its files, or the updates of one.
func (h *host) Diverged(ctx context.Context, q bus.AsideRequest) (bus.AsidePage, error) {
	page, err := askWait[bus.AsidePage](ctx, h.orders, bus.ProcessUpdater, bus.SubjectAside, q, orderDeadline)
	if err == nil && page.Absent {
		return page, fmt.Errorf("%w: %s", operator.ErrUsage, page.Error)
	}
	return page, updaterSaid(err, "", page.Error)
}

// updaterSaid gives what came of asking the updater as an operator is told it: that it does not answer, refuses, or failed.
func updaterSaid(err error, refused, failed string) error {
	switch {
	case err != nil:
		return fmt.Errorf("%w: the updater does not answer: %w", operator.ErrUnavailable, err)
	case refused != "":
		return fmt.Errorf("%w: %s", operator.ErrRefused, refused)
	case failed != "":
		return fmt.Errorf("%w: updater: %s", operator.ErrUnavailable, failed)
	}
	return nil
}

// callWith makes a remoteCall of a method with arguments.
func callWith[Q, A any](do func(context.Context, operator.Caller, Q) (A, error)) remoteCall {
	return func(ctx context.Context, caller operator.Caller, raw json.RawMessage) (any, error) {
		var q Q
		if err := json.Unmarshal(raw, &q); err != nil {
			return nil, fmt.Errorf("%w: arguments of a forwarded call: %w", operator.ErrUsage, err)
		}
		return do(ctx, caller, q)
	}
}

// activeElsewhere reports whether a call that only the active can do has to be passed on.
func (h *host) activeElsewhere() bool {
	v := h.driver.View()
	return v.Role == role.Standby && v.HasPeer && v.Peer.Epoch != 0
}

// noteOutcome makes an event of what came of an operator's call.
func (h *host) noteOutcome(caller operator.Caller, what, text string) {
	h.tell(bus.Event{
		Kind: bus.EventOperator, Epoch: h.driver.View().Known, Text: text,
		Details: map[string]string{events.DetailWhat: what, events.DetailCall: caller.ID, events.DetailFrom: caller.From, events.DetailVia: h.config.Host},
	}, false)
}
