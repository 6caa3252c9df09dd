package world

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// stream is one direction of a connection: the data written and not yet read.
type stream struct {
	network *Network
	wire    wire
	server  string // host:port of the accepting side
	wake    chan struct{}

	mu       sync.Mutex
	parts    []part
	last     time.Time // arrival of the last part: parts never overtake one another
	ended    bool      // no more data will be written: FIN
	deaf     bool      // the reader has closed
	deadline time.Time // of reads
}

// part is the data of one write.
type part struct {
	data []byte
	due  time.Time
	end  bool // the FIN, which travels behind the data
}

func (s *stream) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// send sends data. It never blocks.
func (s *stream) send(data []byte, end bool) error {
	passes, latency := s.network.passes(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return net.ErrClosed
	}
	if s.deaf && passes && !end {
		return os.NewSyscallError("write", syscall.EPIPE)
	}
	due := time.Now().Add(latency)
	if due.Before(s.last) {
		due = s.last
	}
	s.last, s.ended = due, end
	s.parts = append(s.parts, part{data: append([]byte(nil), data...), due: due, end: end})
	s.poke()
	return nil
}

// receive waits for data to arrive.
func (s *stream) receive(p []byte) (int, error) {
	for {
		passes, _ := s.network.passes(s)
		n, wait, err := s.take(p, passes)
		if n > 0 || err != nil {
			return n, err
		}
		if wait == 0 {
			<-s.wake
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// take returns arrived data, or how long to wait; 0 means until woken.
func (s *stream) take(p []byte, passes bool) (n int, wait time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.deaf {
		return 0, 0, net.ErrClosed
	}
	if !s.deadline.IsZero() {
		if wait = s.deadline.Sub(now); wait <= 0 {
			return 0, 0, os.ErrDeadlineExceeded
		}
	}
	if !passes || len(s.parts) == 0 {
		return 0, wait, nil
	}
	for len(s.parts) > 0 && n < len(p) {
		first := &s.parts[0]
		if until := first.due.Sub(now); until > 0 {
			if n == 0 && (wait == 0 || until < wait) {
				wait = until
			}
			break
		}
		if first.end {
			if n == 0 {
				return 0, 0, io.EOF // and again at the next read
			}
			break
		}
		took := copy(p[n:], first.data)
		n += took
		if first.data = first.data[took:]; len(first.data) > 0 {
			break
		}
		s.parts = s.parts[1:]
	}
	return n, wait, nil
}

// conn is one end of a connection.
type conn struct {
	endpoint    *Endpoint // its process
	in, out     *stream
	here, there string
	once        sync.Once
}

// connect makes both ends of a connection.
func (n *Network) connect(client, server, place string) (near, far *conn) {
	stream := func(from, to string) *stream {
		return &stream{network: n, wire: wire{from, to}, server: place, wake: make(chan struct{}, 1)}
	}
	up, down := stream(client, server), stream(server, client)
	n.mu.Lock()
	n.streams[up], n.streams[down] = struct{}{}, struct{}{}
	n.mu.Unlock()
	return &conn{in: down, out: up, here: client, there: server}, &conn{in: up, out: down, here: server, there: client}
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.in.receive(p)
	if err != nil && err != io.EOF {
		err = &net.OpError{Op: "read", Net: "tcp", Err: err}
	}
	return n, err
}

// Write implements net.Conn. It never blocks.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.out.send(p, false); err != nil {
		return 0, &net.OpError{Op: "write", Net: "tcp", Err: err}
	}
	return len(p), nil
}

// Close implements net.Conn.
func (c *conn) Close() error {
	if c.endpoint != nil {
		c.endpoint.forget(c)
	}
	c.kill()
	return nil
}

// kill closes this end: the other end reads the data in transit and then the end.
func (c *conn) kill() {
	c.once.Do(func() {
		_ = c.out.send(nil, true) // fails only when it was said before
		c.in.mu.Lock()
		c.in.deaf, c.in.parts = true, nil
		c.in.mu.Unlock()
		c.in.poke()
		n := c.in.network
		n.mu.Lock()
		delete(n.streams, c.in)
		n.mu.Unlock()
	})
}

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.here)} }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.there)} }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.mu.Lock()
	c.in.deadline = t
	c.in.mu.Unlock()
	c.in.poke()
	return nil
}

// SetWriteDeadline implements net.Conn. A write never waits.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }
