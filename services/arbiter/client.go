package arbiter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/keyring"
	"github.com/hotpair/hotpair/services/link"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/role/record"
)

const (
	// pingEvery finds a witness that is gone without a word within three of these.
	pingEvery = 250 * time.Millisecond
	// handshakeWithin bounds one attempt to connect: a stopped witness still accepts TCP.
	handshakeWithin = time.Second
)

// Config is what a Client needs to know.
type Config struct {
	Address string // host:port of the witness
	Secret  string // the pair secret
	Host    string // this host's name, for the witness's log
	Log     *slog.Logger
	// Network that Address is of; nil is TCP.
	Network bus.Network
	// Changed is told of each change of Status, one after the other. May be nil.
	Changed func(Status)
}

// Status is the state of the witness as this host sees it.
type Status struct {
	Address   string
	WitnessID string // last seen, kept while it is unreachable
	Reachable bool
	Since     time.Time // of the last change of Reachable or WitnessID
	Problem   string    // why it is unreachable
	Refused   bool      // it is there, and does not let this host in
}

// Client is the Register that a witness keeps. It works while Run runs.
//
// Each connection is dialled, asked for the witness's identity, used, and closed when it breaks; nothing is buffered
// for the next one. So a write can only reach the witness whose identity was compared, not one that was put in its
// place a moment later, and a write that was not sent is known not to have been (ErrUnreachable).
type Client struct {
	config Config

	mu      sync.Mutex
	session *session
	status  Status
	changed chan struct{} // closed at each change of session
}

// session is one connection with the identity of what it leads to.
type session struct {
	conn *bus.Conn
	id   string
}

var (
	_ Register        = (*Client)(nil)
	_ keyring.Witness = (*Client)(nil)
)

// New makes a client. Nothing is dialled until Run.
func New(c Config) *Client {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{config: c, status: Status{Address: c.Address, Problem: "not tried yet"}, changed: make(chan struct{})}
}

// Run keeps a connection to the witness until ctx ends, and gives the context's error.
func (c *Client) Run(ctx context.Context) error {
	_ = link.Keep(ctx, func(ctx context.Context) error { // ends with ctx only
		s, err := c.dial(ctx)
		if err != nil {
			c.remove(err)
			return err
		}
		c.install(s)
		s.conn.Watch(ctx, pingEvery)
		if err = ctx.Err(); err == nil {
			err = context.Cause(s.conn.Up())
		}
		c.remove(err)
		s.conn.Close()
		return nil
	})
	return ctx.Err()
}

// dial opens a connection and asks for the witness's identity.
func (c *Client) dial(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*handshakeWithin)
	defer cancel()
	conn, err := bus.Connect(ctx, bus.ConnConfig{
		Name: c.config.Host, URL: "nats://" + c.config.Address,
		User: User, Password: config.DeriveKey(c.config.Secret, config.PurposeWitness), Inbox: Inbox,
		Network: c.config.Network, Handshake: handshakeWithin, Once: true,
		Complaint: func(err error) { c.config.Log.Error("the witness refuses a request of this host", "err", err) },
	})
	switch {
	case errors.Is(err, nats.ErrAuthorization):
		return nil, fmt.Errorf("the witness has another pair secret: %w", err)
	case err != nil:
		return nil, err
	}
	hello, err := CallHello.Ask(ctx, conn, struct{}{})
	if err != nil {
		conn.Close()
		if errors.Is(err, bus.ErrNobody) {
			return nil, fmt.Errorf("the witness is still starting: %w", err)
		}
		return nil, fmt.Errorf("ask the witness for its identity: %w", err)
	}
	id, err := hello.identity()
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &session{conn: conn, id: id}, nil
}

func (c *Client) install(s *session) {
	c.mu.Lock()
	before := c.status
	c.session = s
	c.status = Status{Address: c.config.Address, WitnessID: s.id, Reachable: true, Since: time.Now()}
	now := c.status
	close(c.changed)
	c.changed = make(chan struct{})
	c.mu.Unlock()
	if before.WitnessID != "" && before.WitnessID != s.id {
		c.config.Log.Warn("another witness answers", "was", before.WitnessID, "is", s.id)
	}
	c.config.Log.Info("witness is reachable", "address", c.config.Address, "witness", s.id)
	c.tell(now)
}

func (c *Client) remove(err error) {
	c.mu.Lock()
	fresh := c.session != nil || c.status.Since.IsZero()
	c.session = nil
	c.status.Reachable = false
	c.status.Problem, c.status.Refused = err.Error(), errors.Is(err, identity.ErrRefused)
	if fresh {
		c.status.Since = time.Now()
	}
	now := c.status
	if fresh {
		close(c.changed)
		c.changed = make(chan struct{})
	}
	c.mu.Unlock()
	if fresh && !errors.Is(err, context.Canceled) {
		c.config.Log.Warn("no witness: the next failure stops the service", "address", c.config.Address, "err", err)
	}
	if fresh {
		c.tell(now)
	}
}

func (c *Client) tell(s Status) {
	if c.config.Changed != nil {
		c.config.Changed(s)
	}
}

// Status returns the present state of the witness.
func (c *Client) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// Wait returns once the witness is reachable, or with the context's error.
func (c *Client) Wait(ctx context.Context) error {
	for {
		c.mu.Lock()
		up, changed, problem := c.session != nil, c.changed, c.status.Problem
		c.mu.Unlock()
		if up {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %s: %w", ErrUnreachable, problem, ctx.Err())
		}
	}
}

// open gives the living session, or ErrUnreachable.
func (c *Client) open(ctx context.Context) (*session, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	c.mu.Lock()
	s, problem := c.session, c.status.Problem
	c.mu.Unlock()
	if s == nil {
		return nil, fmt.Errorf("%w: %s", ErrUnreachable, problem)
	}
	if s.conn.Up().Err() != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, context.Cause(s.conn.Up()))
	}
	return s, nil
}

// Read implements Register.
func (c *Client) Read(ctx context.Context) (Value, error) {
	s, err := c.open(ctx)
	if err != nil {
		return Value{}, err
	}
	held, err := CallRead.Ask(ctx, s.conn, struct{}{})
	if err != nil {
		return Value{}, outcome("read the pair record", err)
	}
	v, err := held.Value()
	v.WitnessID = s.id
	if err != nil {
		return Value{}, fmt.Errorf("read the pair record: %w", err)
	}
	return v, nil
}

// Write implements Register.
func (c *Client) Write(ctx context.Context, record role.Record, expected uint64) (uint64, error) {
	data, err := Encode(record)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	s, err := c.open(ctx)
	if err != nil {
		return 0, err
	}
	if record.WitnessID != s.id {
		return 0, fmt.Errorf("%w: %w: %q answers, the record names %q", ErrUnreachable, ErrOtherWitness, s.id, record.WitnessID)
	}
	// One message and no second try: a client that retries automatically would turn one write of unknown outcome into two.
	written, err := CallWrite.Ask(ctx, s.conn, Change{Record: data, Expected: expected})
	if err == nil && written.Revision == 0 {
		err = fmt.Errorf("%w: acknowledgement without a revision", bus.ErrMalformed)
	}
	return written.Revision, outcome("write the pair record", err)
}

// Keys implements keyring.Witness.
func (c *Client) Keys(ctx context.Context) (keyring.Ring, error) {
	s, err := c.open(ctx)
	if err != nil {
		return keyring.Ring{}, err
	}
	return CallKeys.Ask(ctx, s.conn, struct{}{})
}

// ReplaceKeys implements keyring.Witness.
func (c *Client) ReplaceKeys(ctx context.Context, next, over keyring.Ring) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	_, err = CallReplaceKeys.Ask(ctx, s.conn, KeysChange{Ring: next, Expected: over.Digest()})
	return err
}

// Refused implements keyring.Witness.
func (c *Client) Refused() bool {
	s := c.Status()
	return !s.Reachable && s.Refused
}

// outcome turns the error of a call that may have been carried out into ours. Only these three prove that nothing was done.
func outcome(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrConflict):
		return fmt.Errorf("%s: %w", what, err)
	case errors.Is(err, bus.ErrNobody), errors.Is(err, record.ErrImpossible):
		return fmt.Errorf("%s: %w: %w", what, ErrUnreachable, err)
	}
	return fmt.Errorf("%s: %w: %w", what, ErrUnknown, err)
}
