package mainprocess

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/role"
)

// evidence turns what a dialer and a connection see of one port into role.Evidence. The dialer is ours because the
// NATS client hides why a dial failed.
type evidence struct {
	network bus.Network // nil: TCP
	timeout time.Duration
	changed func(role.Evidence)

	mu    sync.Mutex
	line  *bus.Line // dialled last
	state role.Evidence
	was   bool // a connection stood since the last silence, so its end says something
}

// Dial is nats.CustomDialer.
func (e *evidence) Dial(_, address string) (net.Conn, error) {
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
		e.set(func() {
			if e.was && e.state == role.Ended {
				e.state = role.Refused
			}
		})
	}
	return nil, err
}

// connected: the handshake is done.
func (e *evidence) connected() {
	e.set(func() { e.state, e.was = role.Connected, true })
}

// lost: the connection ended. By FIN or RST that is evidence; by our own ping giving up it is silence.
func (e *evidence) lost() {
	e.set(func() {
		if e.line != nil && e.line.Ended() {
			e.state = role.Ended
		} else {
			e.state = role.Silent
		}
	})
}

func (e *evidence) set(change func()) {
	e.mu.Lock()
	before := e.state
	change()
	after := e.state
	e.mu.Unlock()
	if after != before {
		e.changed(after)
	}
}
