package link

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
)

// RemoteConfig describes the standing connection to the other updater.
type RemoteConfig struct {
	// Purpose names the connection in the log: "replication".
	Purpose string
	// Peer owns the port at Address (host:port); Host is who dials. A host is not told its peer's name: with Peer empty
	// it is what the server at Address calls itself.
	Host, Peer, Address string
	// ServerPrefix precedes a host's name in the name of its server.
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

// Remote keeps a connection to a server of the other host, whatever the roles of the two.
type Remote struct {
	config  RemoteConfig
	dialler *Dialler

	mu      sync.Mutex
	peer    string        // as the other server calls itself
	conn    *bus.Conn     // nil while there is none
	changed chan struct{} // closed and replaced when conn changes
}

// NewRemote returns a Remote, which connects while Run runs.
func NewRemote(c RemoteConfig) *Remote {
	if c.Handshake == 0 {
		c.Handshake = 2 * time.Second
	}
	if c.Ping == 0 {
		c.Ping = 500 * time.Millisecond
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Remote{config: c, changed: make(chan struct{})}
	r.dialler = NewDialler(DiallerConfig{Network: c.Network, Timeout: c.Handshake, Clock: c.Clock, Changed: r.tell})
	return r
}

// Run connects, and connects again at once when the connection is lost, until ctx ends.
func (r *Remote) Run(ctx context.Context) error {
	defer r.dialler.Forget(context.Canceled)
	return Keep(ctx, func(ctx context.Context) error {
		conn, err := r.connect(ctx)
		if err != nil {
			return err
		}
		conn.Watch(ctx, r.config.Ping)
		r.set(nil)
		r.dialler.Lost(context.Cause(conn.Up()))
		conn.Close()
		return nil
	})
}

func (r *Remote) connect(ctx context.Context) (*bus.Conn, error) {
	before := r.Evidence().Err
	conn, err := r.dialler.Connect(ctx, bus.ConnConfig{
		Name:     r.config.Host + " to " + r.config.Address,
		URL:      "nats://" + r.config.Address,
		User:     r.config.User,
		Password: r.config.Password,
		Inbox:    r.config.Inbox,
		Complaint: func(err error) {
			r.config.Logger.Error(r.config.Purpose+" connection", "host", r.Peer(), "address", r.config.Address, "error", err)
		},
	})
	switch {
	case errors.Is(err, nats.ErrAuthorization) && !errors.Is(before, nats.ErrAuthorization):
		r.config.Logger.Error("the other host refuses this host's password: HOTPAIR_PAIR_SECRET differs", "host", r.Peer(), "address", r.config.Address)
		return nil, err
	case err != nil:
		return nil, err
	}
	r.set(conn)
	r.dialler.Connected()
	return conn, nil
}

// set notes the connection that there is.
func (r *Remote) set(conn *bus.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if conn != nil {
		r.peer = strings.TrimPrefix(conn.ConnectedServerName(), r.config.ServerPrefix)
	}
	r.conn = conn
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *Remote) tell(e Evidence) {
	r.config.Logger.Info(r.config.Purpose+" connection", "host", r.Peer(), "evidence", e.State, "error", e.Err)
	if r.config.Changed != nil {
		r.config.Changed(e)
	}
}

// Evidence returns the present evidence.
func (r *Remote) Evidence() Evidence { return r.dialler.Evidence() }

// Peer is the name of the other host; without one in the configuration it is known once there was a connection.
func (r *Remote) Peer() string {
	if r.config.Peer != "" {
		return r.config.Peer
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.peer
}

// Await waits for the connection and returns it. Its Up context ends with it. The error is ctx's.
func (r *Remote) Await(ctx context.Context) (*bus.Conn, error) {
	for {
		r.mu.Lock()
		conn, changed := r.conn, r.changed
		r.mu.Unlock()
		if conn != nil && conn.Up().Err() == nil {
			return conn, nil
		}
		select {
		case <-changed: // a lost connection is dropped in a moment
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Beside opens one more connection to the same server, as the user that c names. It belongs to the caller, and is
// evidence of nothing.
func (r *Remote) Beside(ctx context.Context, c bus.ConnConfig) (*bus.Conn, error) {
	c.Name = r.config.Host + " to " + r.config.Address + " " + c.User
	c.URL, c.Network = "nats://"+r.config.Address, r.config.Network
	c.Handshake, c.Once = r.config.Handshake, true
	return bus.Connect(ctx, c)
}
