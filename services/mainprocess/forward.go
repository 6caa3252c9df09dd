package mainprocess

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/role"
)

// remoteCall does for an operator at the other host what only the active can do.
type remoteCall func(ctx context.Context, caller operator.Caller, arguments json.RawMessage) (any, error)

// remoteCalls are the calls that a standby forwards, by name.
func (h *host) remoteCalls() map[string]remoteCall {
	calls := map[string]remoteCall{
		operator.CallSwitchover: func(ctx context.Context, caller operator.Caller, _ json.RawMessage) (any, error) {
			return h.Switchover(ctx, caller)
		},
	}
	maps.Copy(calls, h.dataCalls())
	calls[operator.CallAckAlarm] = callWith(h.AckAlarm)
	maps.Copy(calls, h.decisionCalls())
	return calls
}

// forward passes an operator's call to the active over the link. Errors: ErrForward, and what the call ends with there.
func forward[T any](ctx context.Context, h *host, what string, caller operator.Caller, arguments any) (result T, err error) {
	call := operator.Call{What: what, Caller: caller}
	if arguments != nil {
		call.Arguments = bus.EncodeJSON(arguments)
	}
	body, err := operator.CallForwarded.Ask(ctx, h.link.bulk(), operator.Forwarded{LinkSender: h.sender(), Call: call})
	if err != nil {
		return result, fmt.Errorf("%w: %s: %w", operator.ErrForward, h.peerHTTP(), err)
	}
	return result, operator.DecodeOutcome(body, &result)
}

// forwarded serves a call that the other main passed on. It is never passed back: two standbys have no active.
func (h *host) forwarded(m operator.Forwarded) json.RawMessage {
	return operator.EncodeOutcome(h.serveCall(m))
}

func (h *host) serveCall(m operator.Forwarded) (any, error) {
	call := m.Call
	if do, local := h.localCalls()[call.What]; local {
		call.Caller.Via = m.Host
		return do(h.ctx, call.Caller, call.Arguments)
	}
	do, known := h.remoteCalls()[call.What]
	switch {
	case !known:
		return nil, fmt.Errorf("%w: %s does not know the call %q: it runs another version", operator.ErrRefused, h.config.Host, call.What)
	case h.driver.View().Role == role.Standby:
		return nil, fmt.Errorf("%w: %s is standby too", operator.ErrRefused, h.config.Host)
	}
	call.Caller.Via = m.Host
	return do(h.ctx, call.Caller, call.Arguments)
}
