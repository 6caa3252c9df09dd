package link

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/lease"
)

// Evidence is what the connection to the other host's replication port proves.
type Evidence struct {
	State evidence.State
	// At is when that was seen, on the remote's clock.
	At time.Duration
	// Err is the last error of connection or dial; nil while connected.
	Err error
}

// RemoteConfig describes the standing connection to the other updater.
type RemoteConfig struct {
	// Purpose names the connection in the log: "replication".
	Purpose string
	// Peer owns the port at Address (host:port); Host is who dials. A host is not told its peer's name: with Peer empty
	// it is what the server at Address calls itself.
	Host, Peer, Address string
	// ServerPrefix is what stands before a host's name in the name of its server.
	ServerPrefix string
	// User, Password and Inbox are those of the connection.
	User, Password, Inbox string
	// Network that Address is of; nil is TCP.
	Network bus.Network
	// Ping is the interval of bus.Conn.Watch, and Handshake as in bus.ConnConfig; it is also the deadline of a dial. Defaults
	// 500 ms and 2 s. What waits for it looks more often: see waitFor.
	Ping, Handshake time.Duration
	// Clock is lease.BootClock when nil.
	Clock lease.Clock
	// Changed is told of each change of the evidence's state, one after the other. It must not block.
	Changed func(Evidence)
	Logger  *slog.Logger
}

// Remote keeps a connection to the other updater, in both roles and always.
type Remote struct {
	config RemoteConfig

	mu       sync.Mutex
	evidence Evidence
	peer     string        // as the other server calls itself
	conn     *bus.Conn     // nil while there is none
	changed  chan struct{} // closed and replaced when conn changes
	lines    []*bus.Line   // open connections of the dial or connection of the moment
}

// NewRemote makes one; it connects while Run runs.
func NewRemote(c RemoteConfig) *Remote {
	if c.Clock == nil {
		c.Clock = lease.BootClock
	}
	if c.Handshake == 0 {
		c.Handshake = 2 * time.Second
	}
	if c.Ping == 0 {
		c.Ping = 500 * time.Millisecond
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Remote{config: c, evidence: Evidence{State: evidence.Silent, At: c.Clock()}, changed: make(chan struct{})}
}

// Run connects, and connects again at once when the connection is lost, until ctx ends.
func (r *Remote) Run(ctx context.Context) error {
	defer r.forget()
	for attempt := 0; ; attempt++ {
		conn, err := r.connect(ctx)
		if err == nil {
			attempt = -1
			conn.Watch(ctx, r.config.Ping)
			r.drop(conn, context.Cause(conn.Up()))
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if attempt >= 0 {
			pause := time.NewTimer(redial(attempt))
			select {
			case <-pause.C:
			case <-ctx.Done():
				pause.Stop()
				return context.Cause(ctx)
			}
		}
	}
}

// redial is the pause after a dial that failed: at once at first, because who is there was usually just restarted, and at
// most a quarter of a second, because it may be gone for days.
func redial(attempt int) time.Duration {
	return min(time.Millisecond<<min(attempt, 8), 250*time.Millisecond)
}

// connect dials once and tells what that proves.
func (r *Remote) connect(ctx context.Context) (*bus.Conn, error) {
	d := &dialer{network: bus.OrTCP(r.config.Network), timeout: r.config.Handshake, accepted: r.accepted}
	conn, err := bus.Connect(ctx, bus.ConnConfig{
		Name:      r.config.Host + " to " + r.config.Address,
		URL:       "nats://" + r.config.Address,
		User:      r.config.User,
		Password:  r.config.Password,
		Inbox:     r.config.Inbox,
		Dialer:    d,
		Handshake: r.config.Handshake,
		Once:      true,
		Complaint: func(err error) {
			r.config.Logger.Error(r.config.Purpose+" connection", "host", r.Peer(), "address", r.config.Address, "error", err)
		},
	})
	if ctx.Err() != nil {
		if conn != nil {
			conn.Close()
		}
		return nil, context.Cause(ctx)
	}
	if err != nil {
		r.failed(d.last(), err)
		return nil, err
	}
	r.mu.Lock()
	r.peer = strings.TrimPrefix(conn.ConnectedServerName(), r.config.ServerPrefix)
	r.conn, r.lines = conn, d.lines()
	close(r.changed)
	r.changed = make(chan struct{})
	r.mu.Unlock()
	r.see(r.Evidence().State.HandshakeDone(), nil)
	return conn, nil
}

// accepted is told when a dial was answered: a port that refused no longer does.
func (r *Remote) accepted() {
	if was := r.Evidence().State; was.DialAccepted() != was {
		r.see(was.DialAccepted(), nil)
	}
}

// failed judges a dial that gave no connection.
func (r *Remote) failed(dial dialResult, err error) {
	was := r.Evidence().State
	switch {
	case errors.Is(err, nats.ErrAuthorization):
		if !errors.Is(r.Evidence().Err, nats.ErrAuthorization) {
			r.config.Logger.Error("the other host refuses our password: HOTPAIR_PAIR_SECRET differs", "host", r.Peer(), "address", r.config.Address)
		}
		r.see(was.NotUnderstood(false), err)
	case errors.Is(dial.err, syscall.ECONNREFUSED):
		r.see(was.DialRefused(), dial.err)
	case dial.err != nil:
		r.note(dial.err) // out of reach: proves no more than was known
	default:
		r.see(was.NotUnderstood(dial.ended), err)
	}
}

// drop judges a connection that was lost.
func (r *Remote) drop(conn *bus.Conn, err error) {
	r.mu.Lock()
	ended := false
	for _, l := range r.lines {
		ended = ended || l.Ended()
	}
	r.conn, r.lines = nil, nil
	close(r.changed)
	r.changed = make(chan struct{})
	r.mu.Unlock()
	conn.Close()
	r.see(r.Evidence().State.Lost(ended), err)
}

// forget says that nothing is known any more: nobody looks.
func (r *Remote) forget() {
	r.see(evidence.Silent, context.Canceled)
}

func (r *Remote) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.evidence.Err = err
}

func (r *Remote) see(state evidence.State, err error) {
	r.mu.Lock()
	was := r.evidence.State
	r.evidence.Err = err
	if was != state {
		r.evidence = Evidence{State: state, At: r.config.Clock(), Err: err}
	}
	now := r.evidence
	r.mu.Unlock()
	if was == state {
		return
	}
	r.config.Logger.Info(r.config.Purpose+" connection", "host", r.Peer(), "evidence", state, "error", err)
	if r.config.Changed != nil {
		r.config.Changed(now)
	}
}

// Evidence is what is known now.
func (r *Remote) Evidence() Evidence {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.evidence
}

// Peer is the name of the other host; without one in the configuration it is known once there was a connection.
func (r *Remote) Peer() string {
	if r.config.Peer != "" {
		return r.config.Peer
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.peer
}

// Await gives the connection, waiting for it. Its Up context ends with it. The error is ctx's.
func (r *Remote) Await(ctx context.Context) (*bus.Conn, error) {
	for {
		r.mu.Lock()
		conn, changed := r.conn, r.changed
		r.mu.Unlock()
		if conn != nil && conn.Up().Err() == nil {
			return conn, nil
		}
		if conn != nil { // lost, and not yet dropped
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Beside opens one more connection to the same place, as the user that c names. It is nobody's but the caller's, and proves
// nothing.
func (r *Remote) Beside(ctx context.Context, c bus.ConnConfig) (*bus.Conn, error) {
	c.Name = r.config.Host + " to " + r.config.Address + " " + c.User
	c.URL, c.Network = "nats://"+r.config.Address, r.config.Network
	c.Handshake, c.Once = r.config.Handshake, true
	return bus.Connect(ctx, c)
}
