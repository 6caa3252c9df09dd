package terminalif

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/hotpair/hotpair/bus"
)

// ErrHostile says that a terminal sent something that no agent sends. Its connection is closed; it is dialled again
// like any other, with a pause that grows.
var ErrHostile = errors.New("terminal broke the protocol")

const (
	// dialWithin bounds one dial, writeWithin one write: a terminal that does not read must not keep what it is owed in
	// our memory.
	dialWithin  = 2 * time.Second
	writeWithin = 2 * time.Second

	// What one terminal may send. Beyond it reading slows, so that TCP holds the terminal back; it costs nobody else.
	// Far above any workload: at 22,000 requests a second a terminal sends some MB and some thousand messages.
	bytesPerSecond = 16 << 20
	burstBytes     = 24 << 20
	linesPerSecond = 20_000
	burstLines     = 20_000
	// readCost is the least that one read counts, in bytes: a terminal that sends byte by byte costs calls, not memory.
	readCost = 512
)

// dialer makes the connections to terminals, each behind a filter. It counts dials and bounds how many terminals are
// dialled and greeted at the same time: more would only make all of them late, and those that are late are dialled again.
// Terminals that were tried in vain before have slots of their own, so that those which are there do not wait behind
// many that are not.
type dialer struct {
	network  bus.Network
	first    chan struct{}
	again    chan struct{}
	attaches chan struct{} // that are under way to idle terminals; see session.turn
	dials    atomic.Int64
}

func newDialer(network bus.Network, parallel int) *dialer {
	return &dialer{
		network: bus.OrTCP(network), first: make(chan struct{}, parallel), again: make(chan struct{}, parallel),
		attaches: make(chan struct{}, attachesAtOnce),
	}
}

// slot waits until a terminal may be dialled and gives what to call once it is greeted, or is not. It may be called again.
// The error is that of ctx.
func (d *dialer) slot(ctx context.Context, again bool) (done func(), err error) {
	slots := d.first
	if again {
		slots = d.again
	}
	select {
	case slots <- struct{}{}:
		return sync.OnceFunc(func() { <-slots }), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// forOne is the dialer for one connection; ctx bounds the dial and the connection's life.
func (d *dialer) forOne(ctx context.Context) *oneDial { return &oneDial{ctx: ctx, dialer: d} }

// oneDial dials once. It remembers why the connection failed: what the filter met shows to who reads only as an end.
type oneDial struct {
	ctx    context.Context
	dialer *dialer
	failed atomic.Pointer[error] // of the dial or, later, of the filter
}

// reason gives why the connection failed, or nil.
func (o *oneDial) reason() error {
	if err := o.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// dial connects and puts the filter in front.
func (o *oneDial) dial(address string) (net.Conn, error) {
	o.dialer.dials.Add(1)
	dialling, dialled := context.WithTimeout(o.ctx, dialWithin)
	conn, err := o.dialer.network.Dial(dialling, address)
	dialled()
	if errors.Is(err, syscall.EMFILE) {
		err = fmt.Errorf("this process may open no more files: raise LimitNOFILE= of the unit, or ulimit -n: %w", err)
	}
	if err != nil {
		o.failed.Store(&err)
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		// The kernel notices within 11 s that a terminal is reached no more; for thousands of idle sessions that costs this
		// process nothing. A connection that can't do it is asked by hello alone.
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3})
	}
	ctx, cancel := context.WithCancel(o.ctx)
	return &guarded{
		Conn: conn, ctx: ctx, cancel: cancel, failed: &o.failed,
		bytes: rate.NewLimiter(bytesPerSecond, burstBytes), lines: rate.NewLimiter(linesPerSecond, burstLines),
	}, nil
}

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

// Read gives what passed the filter. The error is ErrHostile, that of the connection, or the end of its context.
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

// SetWriteDeadline takes no deadline that is further away than writeWithin.
func (g *guarded) SetWriteDeadline(t time.Time) error {
	if latest := time.Now().Add(writeWithin); !t.IsZero() && t.After(latest) {
		t = latest
	}
	return g.Conn.SetWriteDeadline(t)
}

// Close ends the connection and whoever waits in Read.
func (g *guarded) Close() error {
	g.cancel()
	return g.Conn.Close()
}
