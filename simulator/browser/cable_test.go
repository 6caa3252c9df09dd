package browser_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
)

// cable is what hosts reach a terminal by. While it is cut nothing passes and nobody is told: connections stay open at both ends, as they do when
// a real one is pulled out.
type cable struct {
	Address string // where hosts dial
	to      string

	mu     sync.Mutex
	whole  chan struct{} // closed while it is not cut
	ctx    context.Context
	passes sync.WaitGroup
}

// lay lays a cable to an address.
func lay(t *testing.T, to string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{Address: l.Addr().String(), to: to, whole: make(chan struct{})}
	close(c.whole)
	ctx, end := context.WithCancel(t.Context())
	c.ctx = ctx
	c.passes.Go(func() { c.accept(l) })
	t.Cleanup(func() {
		end()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		c.passes.Wait()
	})
	return c
}

// cut has nothing pass any more.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.whole = make(chan struct{})
}

// fix has everything pass again, what was on its way too.
func (c *cable) fix() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.whole)
}

// passable waits until the cable is whole; it is not when the test ends.
func (c *cable) passable() bool {
	c.mu.Lock()
	whole := c.whole
	c.mu.Unlock()
	select {
	case <-whole:
		return true
	case <-c.ctx.Done():
		return false
	}
}

func (c *cable) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			c.passes.Go(func() { c.join(conn) })
		}
	}
}

// join carries what comes from a host to the terminal and back.
func (c *cable) join(host net.Conn) {
	defer host.Close()
	if !c.passable() {
		return
	}
	terminal, err := (&net.Dialer{}).DialContext(c.ctx, "tcp", c.to)
	if err != nil {
		return // nobody listens there
	}
	defer terminal.Close()
	stop := context.AfterFunc(c.ctx, func() { _, _ = host.Close(), terminal.Close() })
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { c.carry(host, terminal) })
	both.Go(func() { c.carry(terminal, host) })
	both.Wait()
}

// carry passes bytes on while the cable is whole. That one end has closed its connection is not passed on either while it is cut.
func (c *cable) carry(from, to net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if !c.passable() {
			return
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				_ = from.Close() // its other end has closed it
				return
			}
		}
		if err != nil {
			_ = to.Close() // nothing more comes
			return
		}
	}
}
