package wires

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
)

// ErrPlain says that a connection would carry plain text to another machine.
var ErrPlain = errors.New("plain text to another machine is refused")

// loopback is TCP to this machine only: terminals come with a table that the start of a process has not seen.
type loopback struct{ bus.TCP }

// Dial implements bus.Network. The error is ErrPlain.
func (l loopback) Dial(ctx context.Context, address string) (net.Conn, error) {
	if !config.Loopback(address) {
		return nil, fmt.Errorf("%w: %s: give this host a certificate (HOTPAIR_TLS_CERT), or set HOTPAIR_INSECURE=true to use plain text deliberately", ErrPlain, address)
	}
	return l.TCP.Dial(ctx, address)
}
