// Package bustest holds what tests of processes on a host's bus need.
package bustest

import (
	"bytes"
	"context"
	"net"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// Stall is the network of one process of a host: TCP, on which connections for traffic can be stalled as if both
// sides' buffers were full and unread: first the writes of the process, then also its reads. Connections for
// control continue, as they do when the two share nothing.
type Stall struct {
	// Bus is the address of the bus; connections to others always move.
	Bus string

	mu      sync.Mutex
	still   chan struct{} // closed when connections move; nil while they do
	blocked int
}

// Listen implements bus.Network.
func (s *Stall) Listen(ctx context.Context, address string) (net.Listener, error) {
	return bus.TCP{}.Listen(ctx, address)
}

// Dial implements bus.Network.
func (s *Stall) Dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := bus.TCP{}.Dial(ctx, address)
	if err != nil || address != s.Bus {
		return conn, err
	}
	return &stalled{Conn: conn, stall: s, closed: make(chan struct{})}, nil
}

// Stop stalls connections for traffic until Go.
func (s *Stall) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.still == nil {
		s.still = make(chan struct{})
	}
}

// Go lets them move again.
func (s *Stall) Go() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.still != nil {
		close(s.still)
		s.still, s.blocked = nil, 0
	}
}

// Blocked counts the stalled writes, by which a test knows that the process is affected.
func (s *Stall) Blocked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blocked
}

func (s *Stall) wait(closed <-chan struct{}, write bool) {
	s.mu.Lock()
	still := s.still
	if still != nil && write {
		s.blocked++
	}
	moves := still == nil || s.blocked == 0
	s.mu.Unlock()
	if moves {
		return
	}
	select {
	case <-still:
	case <-closed:
	}
}

// stalled is one connection.
type stalled struct {
	net.Conn
	stall  *Stall
	once   sync.Once
	closed chan struct{}

	mu      sync.Mutex
	named   bool
	control bool
}

// Write learns from the client's first words whether this is a connection for control.
func (c *stalled) Write(p []byte) (int, error) {
	c.mu.Lock()
	if !c.named && bytes.HasPrefix(p, []byte("CONNECT ")) {
		c.named, c.control = true, bytes.Contains(p, []byte(` control"`))
	}
	traffic := c.named && !c.control
	c.mu.Unlock()
	if traffic {
		c.stall.wait(c.closed, true)
	}
	return c.Conn.Write(p)
}

func (c *stalled) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	traffic := c.named && !c.control
	c.mu.Unlock()
	if traffic {
		c.stall.wait(c.closed, false)
	}
	return n, err
}

// SetWriteDeadline does nothing: a socket that is full does not fail before its deadline, and deadlines are longer than tests.
func (c *stalled) SetWriteDeadline(time.Time) error { return nil }

func (c *stalled) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
