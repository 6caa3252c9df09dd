package door

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/hotpair/hotpair/services/identity"
)

// grace is how long a listener that also accepts plain text waits for the first byte. A TLS client sends first; a
// silent client waits for a greeting.
const grace = 150 * time.Millisecond

// Clear is a plain-text connection to an unauthenticated peer, where plain text is allowed: see Config.Clear.
type Clear struct {
	*line
	first []byte // the byte read in advance
	gone  func(*Clear)
}

// Read implements net.Conn. Only one goroutine may read at a time.
func (c *Clear) Read(p []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(p, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.line.Read(p)
}

// Ended reports whether the other side has ended it, by FIN or RST.
func (c *Clear) Ended() bool { return c.ended.Load() }

// Close implements net.Conn.
func (c *Clear) Close() error {
	if c.gone != nil {
		c.gone(c)
	}
	return c.line.Conn.Close()
}

// look waits for the first byte of a dialling peer, and returns the connection with that byte still unread, and
// whether it begins TLS.
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

// receiveClear accepts a plain-text connection.
func (d *Door) receiveClear(c *Clear) error {
	c.gone = d.goneClear
	d.mu.Lock()
	d.clear[c] = struct{}{}
	d.mu.Unlock()
	return d.hand(c, d.config.Offers[0].Protocol, "an unencrypted connection")
}

func (d *Door) goneClear(c *Clear) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.clear, c)
}

// keepClear registers a dialled plain-text connection until it is closed. The Set may be nil.
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

// Clear counts plain-text connections, accepted and dialled: those that still have to move to certificates.
func (s *Set) Clear() (n int) {
	doors, _ := s.all()
	for _, d := range doors {
		n += d.Stats().Clear
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return n + len(s.clear)
}

// isPlain reports whether a dial over TLS found plain text: a greeting, or the alert of a Plain that received TLS.
func isPlain(err error) bool {
	return errors.Is(err, identity.ErrNotTLS) || errors.Is(err, identity.ErrRefused) && errors.Is(err, identity.ErrVersion)
}

// dialClear connects in plain text to a peer that does not speak TLS.
func (w Wire) dialClear(ctx context.Context, address string) (net.Conn, error) {
	raw, err := reach(ctx, w.Under, address)
	if err != nil {
		return nil, err
	}
	c := &Clear{line: &line{Conn: raw}}
	w.Door.Set.keepClear(c)
	return c, nil
}
