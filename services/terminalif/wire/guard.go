package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// ErrHostile says that a terminal sent something that no agent sends. Its connection is closed; it is dialled again
// like any other, with growing pauses.
var ErrHostile = errors.New("terminal broke the protocol")

const (
	// writeWithin bounds one write: a terminal that does not read must not keep what it is owed in our memory.
	writeWithin = 2 * time.Second

	// The bounds of one terminal's data. Beyond them reading slows down, so that TCP throttles the terminal; others
	// are not affected. They are far above any workload: at 22,000 requests a second a terminal sends some MB and some
	// thousand messages.
	bytesPerSecond = 16 << 20
	burstBytes     = 24 << 20
	linesPerSecond = 20_000
	burstLines     = 20_000
	// readCost is the least that one read counts, in bytes: a terminal that sends single bytes costs calls, not
	// memory.
	readCost = 512
)

// guarded is a connection to a terminal that lets nothing through but the lines an agent sends, within bounds.
type guarded struct {
	net.Conn
	ctx          context.Context
	cancel       context.CancelFunc
	failed       *atomic.Pointer[error]
	bytes, lines *rate.Limiter

	// Used by Read alone, which has one caller at a time.
	filter filter
	ready  []byte // passed the filter, did not fit into the caller's buffer
}

// Read returns bytes that passed the filter. The error is ErrHostile, that of the connection, or the end of its
// context.
func (g *guarded) Read(p []byte) (int, error) {
	for {
		if len(g.ready) > 0 {
			n := copy(p, g.ready)
			if g.ready = g.ready[n:]; len(g.ready) == 0 {
				g.ready = nil
			}
			return n, nil
		}
		n, err := g.Conn.Read(p)
		if n > 0 {
			out, lines, fault := g.filter.take(p[:n])
			if fault != nil {
				fault = fmt.Errorf("%w: %w", ErrHostile, fault)
				g.failed.Store(&fault)
				return 0, errors.Join(fault, g.Close())
			}
			if err := g.pace(max(n, readCost), lines); err != nil {
				return 0, err
			}
			if len(out) > 0 {
				passed := copy(p, out) // out may be p itself
				if passed < len(out) {
					g.ready = append([]byte(nil), out[passed:]...)
				}
				return passed, nil
			}
		}
		if err != nil {
			return 0, err
		}
	}
}

// pace waits until the terminal may have sent that much.
func (g *guarded) pace(bytes, lines int) error {
	for _, part := range []struct {
		limit *rate.Limiter
		n     int
	}{{g.bytes, bytes}, {g.lines, lines}} {
		for part.n > 0 {
			n := min(part.n, part.limit.Burst())
			if err := part.limit.WaitN(g.ctx, n); err != nil {
				return fmt.Errorf("connection to terminal: %w", net.ErrClosed)
			}
			part.n -= n
		}
	}
	return nil
}

// SetWriteDeadline limits the deadline to writeWithin.
func (g *guarded) SetWriteDeadline(t time.Time) error {
	if latest := time.Now().Add(writeWithin); !t.IsZero() && t.After(latest) {
		t = latest
	}
	return g.Conn.SetWriteDeadline(t)
}

// Close closes the connection and ends a waiting Read.
func (g *guarded) Close() error {
	g.cancel()
	return g.Conn.Close()
}
