package replication

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/link"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// slowLine is a network whose connections share a line of so many bytes a second. As with a socket, what is written is taken at once
// and passes later.
type slowLine struct {
	rate int
	mu   sync.Mutex // held by the piece on the line
	free time.Time  // when the piece before has passed
}

const (
	// piece is what a line carries before another connection has its turn.
	piece = 16 << 10
	// tolerance is how far a line makes up for a machine that was late.
	tolerance = 100 * time.Millisecond
)

func (l *slowLine) Listen(ctx context.Context, address string) (net.Listener, error) {
	return bus.TCP{}.Listen(ctx, address)
}

func (l *slowLine) Dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := bus.TCP{}.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	c := &slowConn{Conn: conn, line: l, written: make(chan []byte, 4096), closed: make(chan struct{})}
	go c.carry() // ends with the connection
	return c, nil
}

type slowConn struct {
	net.Conn
	line    *slowLine
	written chan []byte
	once    sync.Once
	closed  chan struct{}
}

func (c *slowConn) Write(p []byte) (int, error) {
	select {
	case c.written <- bytes.Clone(p):
		return len(p), nil
	case <-c.closed:
		return 0, net.ErrClosed
	}
}

func (c *slowConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func (c *slowConn) carry() {
	for {
		select {
		case p := <-c.written:
			for len(p) > 0 {
				n := min(len(p), piece)
				if c.pass(p[:n]) != nil {
					return
				}
				p = p[n:]
			}
		case <-c.closed:
			return
		}
	}
}

func (c *slowConn) pass(p []byte) error {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	// A timer that fires late does not make the line slower.
	if now := time.Now(); c.line.free.Before(now.Add(-tolerance)) {
		c.line.free = now
	}
	c.line.free = c.line.free.Add(time.Duration(len(p)) * time.Second / time.Duration(c.line.rate))
	on := time.NewTimer(time.Until(c.line.free))
	defer on.Stop()
	select {
	case <-on.C:
	case <-c.closed:
		return net.ErrClosed
	}
	_, err := c.Conn.Write(p)
	return err
}

// A large frame on a slow line is longer on its way than silence may last, and a ping stands behind it. The line must not be
// taken for dead: the same frame would be sent over the next connection, and the one after that.
func TestPair_SlowLineIsNotSilent(t *testing.T) {
	a, b := newPair(t)
	a.dialAs(link.RemoteConfig{Host: "a", Peer: "b", Address: b.address, Password: secret, Network: &slowLine{rate: 2 * slowestLine}, Logger: a.log})
	a.serve(1, b)
	a.awaitState(bus.PeerClose)
	a.hold()
	at := a.store.Committed()
	large, err := history.NewStored(at.Digest, history.Entry{
		Position: position.Position{Epoch: 1, Sequence: at.Position.Sequence + 1}, Kind: history.KindUpdate, Time: 1, Space: "kv",
		Effects: []history.Effect{{Key: []byte("large"), Value: bytes.Repeat([]byte("0123456789abcdef"), 60<<10)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	a.commit(large)
	same(t, a, b)
}
