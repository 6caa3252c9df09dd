package mainprocess

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/role"
)

// dataCalls are the calls about the pair's data that only the active can do.
func (h *host) dataCalls() map[string]remoteCall {
	return map[string]remoteCall{
		operator.CallAddTerminals:    callWith(h.AddTerminals),
		operator.CallRemoveTerminals: callWith(h.RemoveTerminals),
	}
}

// localCalls are those that each host answers for itself when the other one asks, whatever its role.
func (h *host) localCalls() map[string]remoteCall {
	return map[string]remoteCall{
		callListTerminals:  callWith(h.listOwn),
		callProbeTerminals: callWith(h.probeOwn),
		callStatus: func(ctx context.Context, _ operator.Caller, _ json.RawMessage) (any, error) {
			return h.Status(ctx), nil
		},
	}
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
