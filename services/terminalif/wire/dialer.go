package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/hotpair/hotpair/bus"
)

const (
	// dialWithin bounds one dial, greetWithin the dial and the first words.
	dialWithin  = 2 * time.Second
	greetWithin = 2 * time.Second
)

// Dialer makes the connections to terminals, each behind a filter. It counts dials and bounds how many terminals are
// dialled and greeted at the same time: more would only delay all of them, and late ones are dialled again. Terminals
// that failed before have slots of their own, so that they do not delay those that are up.
type Dialer struct {
	network bus.Network
	first   chan struct{}
	again   chan struct{}
	dials   atomic.Int64
}

// NewDialer returns a dialer; nil is the machine's network. parallel is the number of terminals that are dialled and
// greeted at the same time, and again of those that failed before.
func NewDialer(network bus.Network, parallel int) *Dialer {
	return &Dialer{network: bus.OrTCP(network), first: make(chan struct{}, parallel), again: make(chan struct{}, parallel)}
}

// Dials counts the TCP connections dialled.
func (d *Dialer) Dials() int64 { return d.dials.Load() }

// Slot waits until a terminal may be dialled and returns a function to call when it is greeted or has failed. It may
// be called again. The error is that of ctx.
func (d *Dialer) Slot(ctx context.Context, again bool) (done func(), err error) {
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

// Attempt prepares one connection without dialling; ctx bounds the dial and the connection's life.
func (d *Dialer) Attempt(ctx context.Context) *Attempt { return &Attempt{ctx: ctx, dialer: d} }

// Attempt is one dial and its connection. It records why the connection failed: readers see a fault found by the
// filter only as an end.
type Attempt struct {
	ctx    context.Context
	dialer *Dialer
	failed atomic.Pointer[error] // of the dial or, later, of the filter
}

// Reason returns why the connection failed, or nil.
func (o *Attempt) Reason() error {
	if err := o.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// dial connects and puts the filter in front.
func (o *Attempt) dial(network bus.Network, address string) (net.Conn, error) {
	o.dialer.dials.Add(1)
	dialling, dialled := context.WithTimeout(o.ctx, dialWithin)
	conn, err := network.Dial(dialling, address)
	dialled()
	if errors.Is(err, syscall.EMFILE) {
		err = fmt.Errorf("the limit of open files is reached: raise LimitNOFILE= of the unit, or ulimit -n: %w", err)
	}
	if err != nil {
		o.failed.Store(&err)
		return nil, err
	}
	if tcp, ok := conn.(interface {
		SetKeepAliveConfig(net.KeepAliveConfig) error
	}); ok {
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

// Connect dials and greets the server until the attempt's context ends, but no longer than greetWithin. Errors:
// nats.ErrAuthorization, ErrHostile, that of the dial.
func (o *Attempt) Connect(c Config) (*Conn, error) {
	address, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("address of the terminal: %w", err)
	}
	until := time.Now().Add(greetWithin)
	network := o.dialer.network
	if c.Network != nil {
		network = c.Network
	}
	conn, err := o.dial(network, address.Host)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", c.URL, err)
	}
	w, err := open(o.ctx, conn, c, until)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", c.URL, err)
	}
	return w, nil
}
