package link

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// dialResult is what a dial proved.
type dialResult struct {
	err   error // of the dial; nil when it was answered
	ended bool  // it was answered, and then closed by the other side
}

// dialer dials with a deadline and remembers what became of it, because nats.go hides the reason.
type dialer struct {
	network  bus.Network
	timeout  time.Duration
	accepted func()

	mu   sync.Mutex
	err  error
	open []*bus.Line
}

// Dial is called by nats.go, once for each address that a name resolves to.
func (d *dialer) Dial(_, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
	defer cancel()
	conn, err := d.network.Dial(ctx, address)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
	if err != nil {
		return nil, err
	}
	d.accepted()
	l := bus.NewLine(conn)
	d.open = append(d.open, l)
	return l, nil
}

func (d *dialer) lines() []*bus.Line {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open
}

func (d *dialer) last() dialResult {
	d.mu.Lock()
	defer d.mu.Unlock()
	result := dialResult{err: d.err}
	for _, l := range d.open {
		result.err = nil
		result.ended = result.ended || l.Ended()
	}
	return result
}
