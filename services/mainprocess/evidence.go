package mainprocess

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/evidence"
)

// portWatch turns what a dialer and a connection see of one port into evidence. The dialer is ours because the
// NATS client hides why a dial failed.
type portWatch struct {
	network bus.Network // nil: TCP
	timeout time.Duration
	changed func(evidence.State)

	mu    sync.Mutex
	line  *bus.Line // dialled last
	state evidence.State
}

// Dial is nats.CustomDialer.
func (e *portWatch) Dial(_, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), e.timeout)
	defer cancel()
	conn, err := bus.OrTCP(e.network).Dial(ctx, address)
	if err == nil {
		line := bus.NewLine(conn)
		e.mu.Lock()
		e.line = line
		e.mu.Unlock()
		return line, nil
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		e.see(evidence.State.DialRefused)
	}
	return nil, err
}

// connected: the handshake is done.
func (e *portWatch) connected() { e.see(evidence.State.HandshakeDone) }

// lost: the connection ended. By FIN or RST that is evidence; by our own ping giving up it is silence.
func (e *portWatch) lost() {
	e.see(func(s evidence.State) evidence.State { return s.Lost(e.line != nil && e.line.Ended()) })
}

func (e *portWatch) see(rule func(evidence.State) evidence.State) {
	e.mu.Lock()
	before := e.state
	e.state = rule(before)
	after := e.state
	e.mu.Unlock()
	if after != before {
		e.changed(after)
	}
}
