package link

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/lease"
)

// Evidence is what dials and connections prove about a port.
type Evidence struct {
	State evidence.State
	// At is when that was seen, on the dialler's clock.
	At time.Duration
	// Err is the last error of connection or dial; nil while connected.
	Err error
}

// DiallerConfig describes a Dialler.
type DiallerConfig struct {
	// Network of the port; nil is TCP.
	Network bus.Network
	// Timeout is the deadline of a dial, and of dial and handshake together.
	Timeout time.Duration
	// Clock is lease.BootClock when nil.
	Clock lease.Clock
	// Changed is told of each change of the evidence's state, one after the other. It must not block. May be nil.
	Changed func(Evidence)
}

// Dialler connects to one port and keeps what that proves, by the rules of package evidence. It is used for one connection
// after the other: Connect, Connected, Lost.
type Dialler struct {
	config DiallerConfig

	telling  sync.Mutex // one change is told after the other
	mu       sync.Mutex
	evidence Evidence
	lines    []*bus.Line // of the last connection
}

// NewDialler returns a Dialler. Nothing is dialled until Connect.
func NewDialler(c DiallerConfig) *Dialler {
	c.Network = bus.OrTCP(c.Network)
	if c.Clock == nil {
		c.Clock = lease.BootClock
	}
	return &Dialler{config: c, evidence: Evidence{State: evidence.Silent, At: c.Clock()}}
}

// Connect dials once, and judges a failed dial. It sets the fields of c that say how to dial. When ctx ends the error
// is its cause, and nothing is judged.
func (d *Dialler) Connect(ctx context.Context, c bus.ConnConfig) (*bus.Conn, error) {
	one := &dial{of: d}
	c.Dialer, c.Handshake, c.Once = one, d.config.Timeout, true
	conn, err := bus.Connect(ctx, c)
	switch {
	case ctx.Err() != nil:
		if conn != nil {
			conn.Close()
		}
		return nil, context.Cause(ctx)
	case err != nil:
		d.failed(one, err)
		return nil, err
	}
	lines, _ := one.outcome()
	d.mu.Lock()
	d.lines = lines
	d.mu.Unlock()
	return conn, nil
}

// Connected says that the connection is in use.
func (d *Dialler) Connected() { d.see(evidence.State.HandshakeDone, nil) }

// Lost judges the end of the connection.
func (d *Dialler) Lost(err error) {
	d.mu.Lock()
	ended := ended(d.lines)
	d.lines = nil
	d.mu.Unlock()
	d.see(func(s evidence.State) evidence.State { return s.Lost(ended) }, err)
}

// Forget drops the evidence: the port is not watched now.
func (d *Dialler) Forget(err error) {
	d.see(func(evidence.State) evidence.State { return evidence.Silent }, err)
}

// Evidence returns the present evidence.
func (d *Dialler) Evidence() Evidence {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.evidence
}

// failed judges a dial that gave no connection.
func (d *Dialler) failed(one *dial, err error) {
	lines, refusal := one.outcome()
	switch {
	case errors.Is(err, nats.ErrAuthorization): // a process that is not the pair's listens there
		d.see(func(s evidence.State) evidence.State { return s.NotUnderstood(false) }, err)
	case len(lines) > 0 || refusal == nil:
		d.see(func(s evidence.State) evidence.State { return s.NotUnderstood(ended(lines)) }, err)
	case errors.Is(refusal, syscall.ECONNREFUSED):
		d.see(evidence.State.DialRefused, refusal)
	default: // out of reach, which proves no more than was known; or not proved to be the other host
		d.see(func(s evidence.State) evidence.State { return door.After(s, refusal) }, refusal)
	}
}

// accepted: a dial was answered.
func (d *Dialler) accepted() { d.see(evidence.State.DialAccepted, d.Evidence().Err) }

func (d *Dialler) see(rule func(evidence.State) evidence.State, err error) {
	d.telling.Lock()
	defer d.telling.Unlock()
	d.mu.Lock()
	was := d.evidence.State
	d.evidence.Err = err
	if state := rule(was); state != was {
		d.evidence = Evidence{State: state, At: d.config.Clock(), Err: err}
	}
	now := d.evidence
	d.mu.Unlock()
	if now.State != was && d.config.Changed != nil {
		d.config.Changed(now)
	}
}

// dial is one attempt to connect. It remembers what became of it, because nats.go hides the reason.
type dial struct {
	of *Dialler

	mu    sync.Mutex
	err   error       // of the last one
	lines []*bus.Line // that were accepted
}

// Dial is called by nats.go, once for each address that a name resolves to.
func (d *dial) Dial(_, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d.of.config.Timeout)
	defer cancel()
	conn, err := d.of.config.Network.Dial(ctx, address)
	if err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.err = err
		return nil, err
	}
	d.of.accepted()
	line := bus.NewLine(conn)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
	return line, nil
}

func (d *dial) outcome() ([]*bus.Line, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lines, d.err
}

// ended reports whether the other side has ended one of them.
func ended(lines []*bus.Line) bool {
	for _, l := range lines {
		if l.Ended() {
			return true
		}
	}
	return false
}
