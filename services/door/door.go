package door

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/pace"
)

// Offer is one protocol with the credentials and the policy for it.
type Offer struct {
	Protocol Protocol
	Source   identity.Source
	Policy   identity.Policy
}

// Config describes a Door.
type Config struct {
	// Name is the listener's name in the log: "replication".
	Name string
	// Offers are the supported protocols, one or more, each once; the dialling side chooses. With a Policy that is
	// Unproved every peer gets in: the accepting code has to bound them.
	Offers []Offer
	// Handshake is the time for a handshake, and then for the connection to be accepted. Default 5 s.
	Handshake time.Duration
	// HalfOpen bounds handshakes at a time, HalfOpenEach those of one address. Defaults 256 and 32. As many
	// authenticated connections may wait to be accepted.
	HalfOpen, HalfOpenEach int
	// Clear also accepts plain text, and lets Wire dial in plain text to peers without TLS. Such peers are not
	// authenticated. It is for a pair that moves from secrets to certificates; an attacker between two machines can
	// force both to plain text.
	Clear bool
	// Set registers the listener, and dialled connections of Wire, until they are closed; may be nil.
	Set    *Set
	Logger *slog.Logger
}

const (
	defaultHandshake    = 5 * time.Second
	defaultHalfOpen     = 256
	defaultHalfOpenEach = 32
	// pause follows a failed accept, for example if the process has no file descriptor left.
	pause = 20 * time.Millisecond
)

// welcome is the first byte that a listener sends after a handshake.
const welcome = 'w'

// Door is a listener that accepts authenticated peers only.
type Door struct {
	config   Config
	listener net.Listener
	record   *record
	crowd    *crowd
	queues   map[Protocol]chan net.Conn
	waiting  chan struct{} // one for each connection that waits to be accepted
	ctx      context.Context
	stop     context.CancelFunc
	running  sync.WaitGroup

	mu    sync.Mutex
	open  map[*Conn]struct{}
	clear map[*Clear]struct{}
}

// Open starts accepting connections from a listener, which belongs to the Door from then on.
func Open(listener net.Listener, c Config) *Door {
	if c.Handshake == 0 {
		c.Handshake = defaultHandshake
	}
	if c.HalfOpen == 0 {
		c.HalfOpen = defaultHalfOpen
	}
	if c.HalfOpenEach == 0 {
		c.HalfOpenEach = defaultHalfOpenEach
	}
	d := &Door{config: c, listener: listener, record: newRecord(c.Name, c.Logger), crowd: newCrowd(c.HalfOpen, c.HalfOpenEach),
		queues: map[Protocol]chan net.Conn{}, waiting: make(chan struct{}, c.HalfOpen), open: map[*Conn]struct{}{}, clear: map[*Clear]struct{}{}}
	for _, o := range c.Offers {
		d.queues[o.Protocol] = make(chan net.Conn)
	}
	d.ctx, d.stop = context.WithCancel(context.Background())
	c.Set.add(d)
	d.running.Go(d.accept)
	return d
}

// Close stops accepting, ends handshakes, and waits for them. Accepted connections stay open: they belong to their
// users. It may be called again.
func (d *Door) Close() error {
	d.stop()
	err := d.listener.Close()
	d.running.Wait()
	d.config.Set.remove(d)
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Addr returns the address of the listener.
func (d *Door) Addr() net.Addr { return d.listener.Addr() }

// Stats returns what has happened so far.
func (d *Door) Stats() Stats {
	s := d.record.now()
	s.HalfOpen = d.crowd.size()
	d.mu.Lock()
	defer d.mu.Unlock()
	s.Open, s.Clear = len(d.open), len(d.clear)
	return s
}

// Sweep closes all connections whose peers would be refused now, after withdrawals or lists have changed, and returns
// their peers.
func (d *Door) Sweep() (ended []identity.Peer) {
	return sweep(d.conns(), func(c *Conn, err error) { d.record.refused(c.RemoteAddr(), err) })
}

// conns returns the open connections.
func (d *Door) conns() []*Conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.open))
}

// Listener returns the connections of one protocol. Accept returns a *Conn, or for the first protocol a *Clear if
// Config.Clear is set. Closing it closes the Door.
func (d *Door) Listener(p Protocol) net.Listener { return &acceptor{door: d, queue: d.queues[p]} }

type acceptor struct {
	door  *Door
	queue <-chan net.Conn // nil for a protocol that is not offered: no connections arrive
}

func (a *acceptor) Accept() (net.Conn, error) {
	select {
	case c := <-a.queue:
		if _, is := c.(*Conn); is {
			a.door.record.proved()
		}
		return c, nil
	case <-a.door.ctx.Done():
		return nil, net.ErrClosed
	}
}

func (a *acceptor) Close() error   { return a.door.Close() }
func (a *acceptor) Addr() net.Addr { return a.door.Addr() }

func (d *Door) accept() {
	for {
		conn, err := d.listener.Accept()
		switch {
		case d.ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return
		case errors.Is(err, net.ErrClosed):
			d.stop() // no more connections will arrive, and Accept should report it
			return
		case err != nil:
			d.record.logger.Error("could not accept a connection", "door", d.config.Name, "error", err)
			if pace.Rest(d.ctx, pause) != nil {
				return
			}
			continue
		}
		d.record.came()
		in, out := d.crowd.enter(conn)
		if out != nil {
			_ = out.conn.Close() // its goroutine reports the outcome
		}
		d.running.Go(func() { d.receive(in) })
	}
}

// receive accepts a connection, or reports why not.
func (d *Door) receive(g *guest) {
	conn, clear, err := d.meet(g.conn)
	if d.crowd.leave(g) {
		if conn != nil {
			d.gone(conn)
		}
		err = fmt.Errorf("%w: at most %d handshakes at a time, %d from one address: the oldest is closed", ErrCrowded, d.config.HalfOpen, d.config.HalfOpenEach)
	}
	switch {
	case err != nil:
	case clear != nil:
		err = d.receiveClear(clear)
	default:
		err = d.hand(conn, conn.protocol, conn.peer.String())
	}
	if err == nil {
		return
	}
	_ = g.conn.Close()
	if d.ctx.Err() == nil {
		d.record.refused(g.conn.RemoteAddr(), err)
	}
}

// meet returns one of the two: an authenticated connection, or a plain-text one where that is allowed.
func (d *Door) meet(raw net.Conn) (*Conn, *Clear, error) {
	if d.config.Clear {
		stop := context.AfterFunc(d.ctx, func() { _ = raw.Close() })
		clear, sealed, err := look(raw)
		if !stop() || err != nil || !sealed {
			return nil, clear, err
		}
		raw = clear
	}
	conn, err := d.prove(raw)
	return conn, nil, err
}

// prove does the handshake.
func (d *Door) prove(raw net.Conn) (*Conn, error) {
	stop := context.AfterFunc(d.ctx, func() { _ = raw.Close() })
	defer stop()
	if err := raw.SetDeadline(time.Now().Add(d.config.Handshake)); err != nil {
		return nil, err
	}
	l := &line{Conn: raw}
	made := &Conn{line: l, side: identity.Dialling, gone: d.gone}
	var hello error
	config := &tls.Config{MinVersion: tls.VersionTLS13, GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		offer, all := d.choose(h)
		hello = identity.CheckHello(h, all)
		if current, err := offer.Source.Current(); err == nil {
			made.own = current.Self.Name
			made.believed.Store(current) // otherwise Still decides
		}
		made.policy, made.source, made.protocol = offer.Policy, offer.Source, offer.Protocol
		policy := offer.Policy
		policy.Verdict = func(p identity.Peer, err error) {
			made.peer = p
			if offer.Policy.Verdict != nil {
				offer.Policy.Verdict(p, err)
			}
		}
		if hello != nil {
			return identity.Server(offer.Source, policy, all...), nil // crypto/tls refuses with the alert of the protocol
		}
		return identity.Server(offer.Source, policy, string(offer.Protocol)), nil
	}}
	made.Conn = tls.Server(l, config)
	err := made.Handshake()
	if err == nil {
		// Checked again once Sweep can see it: a withdrawal in between would otherwise miss both this handshake and
		// this connection.
		d.keep(made)
		err = made.Still()
	}
	if err == nil {
		_, err = made.Conn.Write([]byte{welcome})
	}
	if err != nil || hello != nil {
		d.gone(made)
	}
	if hello != nil {
		return nil, hello
	}
	if err != nil {
		return nil, identity.Explain(err, made.own, identity.Dialling, l.heard.Load())
	}
	return made, raw.SetDeadline(time.Time{})
}

// choose returns the offer for the client's protocols, or the first one, and the names of all.
func (d *Door) choose(h *tls.ClientHelloInfo) (Offer, []string) {
	names := make([]string, len(d.config.Offers))
	for i, o := range d.config.Offers {
		names[i] = string(o.Protocol)
	}
	for i, name := range names {
		if slices.Contains(h.SupportedProtos, name) {
			return d.config.Offers[i], names
		}
	}
	return d.config.Offers[0], names
}

// hand passes a connection to the listener of its protocol.
func (d *Door) hand(c net.Conn, p Protocol, who string) error {
	select {
	case d.waiting <- struct{}{}:
		defer func() { <-d.waiting }()
	default:
		_ = c.Close()
		return fmt.Errorf("%w: %d authenticated connections already wait to be accepted", ErrCrowded, d.config.HalfOpen)
	}
	patience := time.NewTimer(d.config.Handshake)
	defer patience.Stop()
	select {
	case d.queues[p] <- c:
		return nil
	case <-patience.C:
		_ = c.Close()
		return fmt.Errorf("%w: the connection of %s was authenticated, but not accepted in time", ErrCrowded, who)
	case <-d.ctx.Done():
		_ = c.Close()
		return ErrClosed
	}
}

func (d *Door) keep(c *Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open[c] = struct{}{}
}

// gone forgets a closed connection.
func (d *Door) gone(c *Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, c)
}
