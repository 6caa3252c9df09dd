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

// Judge names what is there, for bus.TerminalProbe, by the error of Connect and by what the dial or the filter behind it met,
// which is nothing when it was the first words with the server that failed.
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
