package door

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/hotpair/hotpair/services/identity"
)

// grace is how long a door that lets in plain text too waits for the first byte. Who speaks TLS says hello at once; who does not waits to be
// spoken to.
const grace = 150 * time.Millisecond

// Clear is a connection in plain text, whose other end has proved nothing, over a wire that allows it: see Config.Clear.
type Clear struct {
	*line
	first []byte // read while it was looked what comes
	gone  func(*Clear)
}

// Read implements net.Conn. One goroutine reads at a time.
func (c *Clear) Read(p []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(p, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.line.Read(p)
}

// Ended tells whether the other side has ended it, by FIN or RST.
func (c *Clear) Ended() bool { return c.ended.Load() }

// Close implements net.Conn.
func (c *Clear) Close() error {
	if c.gone != nil {
		c.gone(c)
	}
	return c.line.Conn.Close()
}

// look waits for the first byte of who dials, and gives the connection with that byte still to be read, and whether TLS begins with it.
func look(conn net.Conn) (c *Clear, sealed bool, err error) {
	if err := conn.SetReadDeadline(time.Now().Add(grace)); err != nil {
		return nil, false, err
	}
	first := make([]byte, 1)
	n, err := conn.Read(first)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, false, err
	}
	return &Clear{line: &line{Conn: conn}, first: first[:n]}, n == 1 && first[0] == recordHandshake, conn.SetReadDeadline(time.Time{})
}

// receiveClear lets in who speaks plain text.
func (d *Door) receiveClear(c *Clear) error {
	c.gone = d.goneClear
	d.mu.Lock()
	d.clear[c] = struct{}{}
	d.mu.Unlock()
	return d.hand(c, d.config.Offers[0].Protocol, "somebody in plain text")
}

func (d *Door) goneClear(c *Clear) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.clear, c)
}

// keepClear notes what was dialled in plain text, until it is closed. It may be called on no Set.
func (s *Set) keepClear(c *Clear) {
	if s == nil {
		return
	}
	c.gone = s.goneClear
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clear == nil {
		s.clear = map[*Clear]struct{}{}
	}
	s.clear[c] = struct{}{}
}

func (s *Set) goneClear(c *Clear) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clear, c)
}

// Clear counts the connections in plain text, at the doors and dialled: what has still to move to certificates.
func (s *Set) Clear() (n int) {
	doors, _ := s.all()
	for _, d := range doors {
		n += d.Stats().Clear
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return n + len(s.clear)
}

// isPlain says that a dial found plain text where it spoke TLS: its greeting, or the alert of a Plain that saw TLS come.
func isPlain(err error) bool {
	return errors.Is(err, identity.ErrNotTLS) || errors.Is(err, identity.ErrRefused) && errors.Is(err, identity.ErrVersion)
}

// dialClear connects in plain text to who has just shown that it speaks no TLS.
func (w Wire) dialClear(ctx context.Context, address string) (net.Conn, error) {
	raw, err := reach(ctx, w.Under, address)
	if err != nil {
		return nil, err
	}
	c := &Clear{line: &line{Conn: raw}}
	w.Door.Set.keepClear(c)
	return c, nil
}
