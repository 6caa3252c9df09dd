package wires

import (
	"context"
	"log/slog"
	"net"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/door"
)

// plain is TCP without TLS that reports an attempt of TLS.
type plain struct {
	bus.TCP
	name string
	log  *slog.Logger
}

// Guarded tells the bus that its own connections do not arrive through this network: they need no check.
func (plain) Guarded() {}

// Listen implements bus.Network.
func (p plain) Listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := p.TCP.Listen(ctx, address)
	if err != nil {
		return nil, err
	}
	return door.NewPlain(listener, p.name, p.log), nil
}
