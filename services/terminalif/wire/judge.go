package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

// Judge returns the outcome of a probe, for bus.TerminalProbe, by the error of Connect and the fault that the dial or
// the filter met, which is nil if the first exchange with the server failed.
func (a *Attempt) Judge(err error) (outcome, detail string) {
	seen := a.Reason()
	var unresolved *net.DNSError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(seen, syscall.ECONNREFUSED):
		return bus.ProbeRefused, "nobody listens there"
	case errors.As(seen, &unresolved):
		return bus.ProbeUnreachable, unresolved.Error()
	case errors.Is(seen, ErrHostile):
		return bus.ProbeNoAgent, Clip(seen.Error())
	case errors.As(seen, &timeout) && timeout.Timeout(), errors.Is(seen, context.DeadlineExceeded):
		return bus.ProbeTimeout, fmt.Sprintf("no connection within %s", dialWithin)
	case seen != nil:
		return bus.ProbeUnreachable, Clip(seen.Error())
	case errors.Is(err, nats.ErrAuthorization):
		return bus.ProbeWrongKey, "it refuses the key of this terminal id"
	}
	return bus.ProbeNoAgent, "it accepts connections, but does not speak an agent's protocol: " + Clip(err.Error())
}
