package world

import (
	"context"
	"net"
)

// dialer lets an application dial from a machine (nats.CustomDialer).
type dialer struct{ *Endpoint }

// Dial implements nats.CustomDialer.
func (d dialer) Dial(_, address string) (net.Conn, error) {
	return d.Endpoint.Dial(context.Background(), address)
}
