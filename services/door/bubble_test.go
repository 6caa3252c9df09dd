package door_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/identity"
)

// pipes is a network within one process: one listener.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	close  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Listen(context.Context, string) (net.Listener, error) { return p, nil }

func (p *pipes) Dial(ctx context.Context, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.closed:
		return nil, syscall.ECONNREFUSED
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.close.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

// Doors work on networks that are none, as those of simulations, and their limits of time are kept to the moment.
func TestWire_KeepsItsLimits(t *testing.T) {
	a, b, _ := hosts(t)
	synctest.Test(t, func(t *testing.T) {
		// The clock of a bubble stands years before the certificates: between hosts that is an alarm.
		network := newPipes()
		const limit = 3 * time.Second
		d := door.Open(network, door.Config{Offers: []door.Offer{a}, Handshake: limit})
		var echoing sync.WaitGroup
		echoing.Go(func() { echo(d.Listener(service), &echoing) })
		c, err := door.Wire{Under: network, Door: door.Config{Offers: []door.Offer{b}}}.Dial(t.Context(), "a:1")
		if err != nil {
			t.Fatal(err)
		}
		speak(t, c)
		if peer := c.(*door.Conn).Peer(); peer.Name != hostA || !peer.Expired {
			t.Errorf("%+v", peer)
		}

		silent, err := network.Dial(t.Context(), "a:1")
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := silent.Read(make([]byte, 1)); err == nil || time.Since(began) != limit {
			t.Errorf("who says nothing is let go after %v: %v", time.Since(began), err)
		}

		hung := newPipes()
		accepted := make(chan net.Conn, 1)
		echoing.Go(func() {
			if c, err := hung.Accept(); err == nil {
				accepted <- c
			}
		})
		began = time.Now()
		_, err = door.Wire{Under: hung, Door: door.Config{Offers: []door.Offer{b}, Handshake: limit}}.Dial(t.Context(), "a:1")
		var fault *door.Fault
		if !errors.Is(err, identity.ErrHandshakeTimeout) || !errors.As(err, &fault) || fault.Proof != door.Silent || time.Since(began) != limit {
			t.Errorf("a server that hangs is given up after %v: %v", time.Since(began), err)
		}

		began = time.Now()
		if err := errors.Join(c.Close(), silent.Close(), (<-accepted).Close(), d.Close()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("closing took %v", took)
		}
		echoing.Wait()
		if _, err := door.Dial(t.Context(), network, "a:1", b); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a port that nobody listens on: %v", err)
		}
	})
}
