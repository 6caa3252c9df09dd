package bus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/services/pace"
)

var (
	// ErrDisconnected says that the connection was lost, so that the outcome of what was in flight is unknown.
	ErrDisconnected = errors.New("connection lost")
	// ErrNobody says that nothing serves the subject, so that the request was not executed.
	ErrNobody = errors.New("no process answers this subject")
	// ErrForbidden says that the server refused a subject to this user.
	ErrForbidden = errors.New("subject is not permitted")
)

// ConnConfig describes one connection.
type ConnConfig struct {
	Name           string
	URL            string
	User, Password string
	// Inbox is the prefix of reply subjects; empty is the client's default.
	Inbox string
	// InProcess connects to a server of this process instead of to URL.
	InProcess nats.InProcessConnProvider
	// Network that URL is an address of, unless there is a Dialer; nil is TCP.
	Network Network
	// Dialer replaces the plain one, for example to see why a dial failed.
	Dialer nats.CustomDialer
	// Ping is the interval of pings, two of which may be outstanding; 0 is 10 s. It is short only where silence must be
	// noticed, between hosts: on the bus a dead process shows by the end of its connection, a frozen one by its
	// heartbeats, and a busy machine must not look like either (T11).
	Ping time.Duration
	// Handshake is the deadline of dial and handshake together; 0 is 2 s. A server that is stopped still accepts TCP.
	Handshake time.Duration
	// Once gives up when the connection is lost instead of reconnecting.
	Once bool
	// Redial is the pause before the next dial after so many that failed; nil is pace.Redial.
	Redial func(failed int) time.Duration
	// Lost and Restored are told of each change, one after the other. Lost gets the reason, perhaps nil.
	Lost     func(error)
	Restored func()
	// Complaint gets errors that belong to no call, as NATS reports refused subjects (ErrForbidden).
	Complaint func(error)
}

// Conn is a NATS connection whose pending requests fail when it is lost.
type Conn struct {
	*nats.Conn
	mu   sync.Mutex
	up   context.Context
	down context.CancelCauseFunc
}

// Connect dials once. The connection then stays until Close, reconnecting unless Once.
func Connect(ctx context.Context, c ConnConfig) (*Conn, error) {
	conn := &Conn{}
	conn.raise()
	if c.Redial == nil {
		c.Redial = pace.Redial
	}
	opts := []nats.Option{
		nats.Name(c.Name),
		nats.UserInfo(c.User, c.Password),
		nats.IgnoreDiscoveredServers(),
		nats.SkipHostLookup(), // by the dialer, which has a deadline and says what went wrong
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectBufSize(-1),
		nats.MaxReconnects(-1),
		nats.CustomReconnectDelay(c.Redial),
		nats.PingInterval(orDefault(c.Ping, 10*time.Second)),
		nats.MaxPingsOutstanding(2),
		nats.Timeout(orDefault(c.Handshake, 2*time.Second)),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			conn.drop(err)
			if c.Lost != nil {
				c.Lost(err)
			}
		}),
		nats.ClosedHandler(func(*nats.Conn) { conn.drop(nats.ErrConnectionClosed) }),
		nats.ReconnectHandler(func(*nats.Conn) {
			conn.raise()
			if c.Restored != nil {
				c.Restored()
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			if c.Complaint == nil {
				return
			}
			if errors.Is(err, nats.ErrPermissionViolation) {
				err = fmt.Errorf("%w: %w", ErrForbidden, err)
			}
			if sub != nil {
				err = fmt.Errorf("subscription %s: %w", sub.Subject, err)
			}
			c.Complaint(err)
		}),
	}
	if c.Once {
		opts = append(opts, nats.NoReconnect())
	}
	if c.Inbox != "" {
		opts = append(opts, nats.CustomInboxPrefix(c.Inbox))
	}
	if c.InProcess != nil {
		opts = append(opts, nats.InProcessServer(c.InProcess))
	}
	dialer := &tellingDialer{next: c.Dialer, network: OrTCP(c.Network), timeout: orDefault(c.Handshake, 2*time.Second)}
	opts = append(opts, nats.SetCustomDialer(dialer))
	type result struct {
		nc  *nats.Conn
		err error
	}
	dialled := make(chan result, 1)
	go func() {
		nc, err := nats.Connect(c.URL, opts...)
		dialled <- result{nc, err}
	}()
	select {
	case r := <-dialled:
		if r.err != nil {
			return nil, fmt.Errorf("connect %s to %s: %w", c.Name, c.URL, dialer.explain(r.err))
		}
		conn.Conn = r.nc
		return conn, nil
	case <-ctx.Done():
		go func() {
			if r := <-dialled; r.nc != nil {
				r.nc.Close()
			}
		}()
		return nil, fmt.Errorf("connect %s to %s: %w", c.Name, c.URL, dialer.unfinished(ctx.Err()))
	}
}

// tellingDialer remembers why a dial failed: the client only reports that no server was available.
type tellingDialer struct {
	next    nats.CustomDialer // nil: a plain one
	network Network
	timeout time.Duration
	mu      sync.Mutex
	last    error
	dials   string // while a dial is under way: where
}

// Dial is nats.CustomDialer.
func (d *tellingDialer) Dial(network, address string) (net.Conn, error) {
	var conn net.Conn
	var err error
	d.mu.Lock()
	d.dials = address
	d.mu.Unlock()
	if d.next != nil {
		conn, err = d.next.Dial(network, address)
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
		conn, err = d.network.Dial(ctx, address)
		cancel()
	}
	d.mu.Lock()
	d.last, d.dials = err, ""
	d.mu.Unlock()
	return conn, err
}

// unfinished adds to a deadline what was in progress then, or why the last dial failed.
func (d *tellingDialer) unfinished(deadline error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	host, _, _ := net.SplitHostPort(d.dials)
	_, number := netip.ParseAddr(host)
	switch {
	case d.last != nil:
		return fmt.Errorf("%w: %w", deadline, d.last)
	case d.dials != "" && number != nil:
		return fmt.Errorf("%w: name not resolved (DNS) and host not reached in time: %s", deadline, d.dials)
	case d.dials != "":
		return fmt.Errorf("%w: not reached in time: %s", deadline, d.dials)
	}
	return deadline
}

func (d *tellingDialer) explain(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if errors.Is(err, nats.ErrNoServers) && d.last != nil {
		return fmt.Errorf("%w: %w", nats.ErrNoServers, d.last)
	}
	return err
}

func orDefault(d, other time.Duration) time.Duration {
	if d == 0 {
		return other
	}
	return d
}

func (c *Conn) raise() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up, c.down = context.WithCancelCause(context.Background())
}

func (c *Conn) drop(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		err = nats.ErrConnectionClosed
	}
	c.down(fmt.Errorf("%w: %w", ErrDisconnected, err))
}

// Up returns a context that ends with the present connection; its cause is ErrDisconnected.
func (c *Conn) Up() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.up
}

// Request sends one message and waits for one reply, until ctx ends or the connection is lost. Errors: ErrNobody (not
// executed), ErrDisconnected (outcome unknown), the context's.
func (c *Conn) Request(ctx context.Context, subject string, data []byte) (*nats.Msg, error) {
	return c.RequestMessage(ctx, &nats.Msg{Subject: subject, Data: data})
}

// RequestMessage is Request with headers.
func (c *Conn) RequestMessage(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	up := c.Up()
	both, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(up, func() { cancel(context.Cause(up)) })
	defer stop()
	reply, err := c.RequestMsgWithContext(both, m)
	switch {
	case err == nil:
		return reply, nil
	case errors.Is(err, nats.ErrNoResponders):
		return nil, fmt.Errorf("%s: %w", m.Subject, ErrNobody)
	case up.Err() != nil:
		return nil, fmt.Errorf("%s: %w", m.Subject, context.Cause(up))
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionReconnecting):
		return nil, fmt.Errorf("%s: %w", m.Subject, ErrDisconnected)
	}
	return nil, fmt.Errorf("%s: %w", m.Subject, err)
}
