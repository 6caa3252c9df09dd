package door

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/identity"
)

// Network is how a door listens and dials below TLS; bus.Network is one.
type Network interface {
	Listen(ctx context.Context, address string) (net.Listener, error)
	Dial(ctx context.Context, address string) (net.Conn, error)
}

// Proof is what a failed dial shows about the process at the address.
type Proof int

const (
	// Unreached: nothing, for example if there is no route.
	Unreached Proof = iota
	// Refused: no process listens. Only TCP says that, before it has accepted.
	Refused
	// Closed: TCP accepted, and closed before any byte arrived. The kernel does that for a process that is just
	// ending, and for one that is full.
	Closed
	// Silent: TCP accepted, but the handshake failed: a process is there. This never counts as a death.
	Silent
)

// Fault is a failed dial.
type Fault struct {
	Address string
	Proof   Proof
	Err     error
}

// Error returns address and reason.
func (f *Fault) Error() string { return f.Address + ": " + f.Err.Error() }

// Unwrap returns the reason: a sentinel of package identity, or a network error.
func (f *Fault) Unwrap() error { return f.Err }

// After returns what is known of a port after a dial with this error, or nil, if s was known before. Other errors
// change nothing.
func After(s evidence.State, err error) evidence.State {
	var f *Fault
	switch {
	case err == nil:
		return s.DialAccepted()
	case !errors.As(err, &f) || f.Proof == Unreached:
		return s
	case f.Proof == Refused:
		return s.DialRefused()
	}
	return s.DialAccepted().NotUnderstood(f.Proof == Closed)
}

// Dial connects to an address and returns when both sides have accepted each other. It has until ctx ends. The error
// is a *Fault, or the cause of ctx if it was cancelled.
func Dial(ctx context.Context, network Network, address string, offer Offer) (*Conn, error) {
	raw, err := reach(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l := &line{Conn: raw}
	conn, err := greet(ctx, l, offer)
	if err == nil {
		return conn, nil
	}
	_ = raw.Close()
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, context.Cause(ctx)
	}
	proof := Silent
	if !l.heard.Load() && l.ended.Load() {
		proof = Closed
	}
	return nil, &Fault{address, proof, err}
}

// reach connects; the error says what a failure proves.
func reach(ctx context.Context, network Network, address string) (net.Conn, error) {
	raw, err := network.Dial(ctx, address)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, &Fault{address, Refused, err}
	case errors.Is(err, syscall.ECONNRESET): // accepted, and reset before the kernel reported it
		return nil, &Fault{address, Closed, identity.Explain(err, identity.Name{}, identity.Listening, false)}
	case errors.Is(ctx.Err(), context.Canceled):
		if err == nil {
			_ = raw.Close()
		}
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, &Fault{address, Unreached, err}
	}
	return raw, nil
}

// greet does the handshake, and waits for the welcome.
func greet(ctx context.Context, l *line, offer Offer) (*Conn, error) {
	current, err := offer.Source.Current()
	if err != nil {
		return nil, err
	}
	made := &Conn{line: l, own: current.Self.Name, policy: offer.Policy, source: offer.Source, side: identity.Listening, protocol: offer.Protocol}
	made.believed.Store(current) // otherwise Still decides
	policy := offer.Policy
	policy.Verdict = func(p identity.Peer, err error) {
		made.peer = p
		if offer.Policy.Verdict != nil {
			offer.Policy.Verdict(p, err)
		}
	}
	// A past deadline ends all waiting, but lets the connection send its close.
	stop := context.AfterFunc(ctx, func() { _ = l.SetDeadline(time.Unix(1, 0)) })
	made.Conn = tls.Client(l, identity.Client(offer.Source, policy, string(offer.Protocol)))
	err = made.Handshake()
	if err == nil {
		err = made.welcomed()
	}
	if !stop() && err == nil {
		err = os.ErrDeadlineExceeded // it is set, and the connection of no use
	}
	if err == nil {
		return made, nil
	}
	return nil, identity.Explain(err, made.own, identity.Listening, l.heard.Load())
}

// welcomed waits until the other side has accepted this one.
func (c *Conn) welcomed() error {
	var first [1]byte
	if _, err := io.ReadFull(c.Conn, first[:]); err != nil {
		return err
	}
	if first[0] != welcome {
		return fmt.Errorf("%w: the other side sent %q: is it hotpair?", identity.ErrProtocol, first[:])
	}
	return nil
}

// Wire is one authenticated protocol as a network: it listens and dials with TLS. It is a bus.Network.
type Wire struct {
	// Under is the network below TLS.
	Under Network
	// Door is for Listen, with one Offer, which Dial uses too. Handshake also bounds a dial.
	Door Config
}

// Guarded tells the bus that its own connections bypass this: they have no certificates.
func (w Wire) Guarded() {}

// Listen implements Network.
func (w Wire) Listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := w.Under.Listen(ctx, address)
	if err != nil {
		return nil, err
	}
	return Open(listener, w.Door).Listener(w.Door.Offers[0].Protocol), nil
}

// Dial implements Network.
func (w Wire) Dial(ctx context.Context, address string) (net.Conn, error) {
	limit := w.Door.Handshake
	if limit == 0 {
		limit = defaultHandshake
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := Dial(ctx, w.Under, address, w.Door.Offers[0])
	if err != nil && w.Door.Clear && isPlain(err) {
		return w.dialClear(ctx, address)
	}
	if err != nil {
		return nil, err // avoids a non-nil interface with a nil pointer
	}
	if w.Door.Set == nil {
		return conn, nil
	}
	conn.gone = w.Door.Set.gone
	if err := w.Door.Set.keep(conn); err != nil {
		_ = conn.Close()
		return nil, &Fault{address, Silent, err}
	}
	return conn, nil
}
