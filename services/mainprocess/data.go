package mainprocess

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/events"
	"github.com/hotpair/hotpair/services/fault"
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
	page, err := bus.CallAside.PostWait(ctx, h.orders, q, orderDeadline)
	if errors.Is(err, bus.ErrAbsent) {
		return page, fmt.Errorf("%w: %w", operator.ErrUsage, err)
	}
	return page, updaterSaid(err)
}

// updaterSaid gives what came of asking the updater as an operator is told it: that it does not answer, refuses, or failed.
func updaterSaid(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bus.ErrRefused):
		return err // it is the operator's too
	case fault.Remote(err):
		return fmt.Errorf("%w: updater: %w", operator.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: the updater does not answer: %w", operator.ErrUnavailable, err)
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
