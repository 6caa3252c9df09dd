package bus

import (
	"context"
	"fmt"
)

// HostConns are the connections of a process to its host's bus. Orders, which decide about roles, must not wait behind
// what operators ask: a connection delivers messages in order, and blocks its writers while the other side does not
// read.
type HostConns struct {
	// Traffic carries questions of operators, and of processes to each other.
	Traffic *Conn
	// Control carries heartbeats, orders, the right to answer and announcements of processes: little, from this process and main alone.
	Control *Conn
}

// ConnectHost opens both as c says. Only Control is watched with c.Ping: a connection full of requests answers late.
func ConnectHost(ctx context.Context, c ConnConfig) (HostConns, error) {
	control := c
	control.Name += " control"
	c.Ping = 0
	var h HostConns
	var err error
	if h.Control, err = Connect(ctx, control); err != nil {
		return HostConns{}, err
	}
	if h.Traffic, err = Connect(ctx, c); err != nil {
		h.Control.Close()
		return HostConns{}, err
	}
	return h, nil
}

// Flush returns when the bus has processed what was sent on both so far, subscriptions above all.
func (h HostConns) Flush(ctx context.Context) error {
	for _, conn := range []*Conn{h.Control, h.Traffic} {
		if err := conn.FlushWithContext(ctx); err != nil {
			return fmt.Errorf("bus: %w", err)
		}
	}
	return nil
}

// Close closes both.
func (h HostConns) Close() {
	h.Traffic.Close()
	h.Control.Close()
}
