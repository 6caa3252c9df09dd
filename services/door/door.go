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

// Offer is one protocol with what proves who speaks it.
type Offer struct {
	Protocol Protocol
	Source   identity.Source
	Policy   identity.Policy
}

// Config describes a Door.
type Config struct {
	// Name is the door's in the log: "replication".
	Name string
	// Offers are what may be spoken here, one or more, each protocol once; who dials chooses. Where a Policy is Unproved anybody gets in: who
	// accepts those bounds them.
	Offers []Offer
	// Handshake is the time for a handshake, and then for somebody to take the connection. Default 5 s.
	Handshake time.Duration
	// HalfOpen bounds handshakes at a time, HalfOpenEach those of one address. Defaults 256 and 32. As many connections that are proved may
	// wait to be taken.
	HalfOpen, HalfOpenEach int
	// Clear lets in who speaks plain text too, and has Wire dial in plain text who speaks no TLS. They have proved nothing. It is for a pair that
	// moves from secrets to certificates; somebody between two machines can have both of them speak plain text.
	Clear bool
	// Set notes the door, and what Wire dials, until they are closed; may be nil.
	Set    *Set
	Logger *slog.Logger
}

const (
	defaultHandshake    = 5 * time.Second
	defaultHalfOpen     = 256
	defaultHalfOpenEach = 32
	// pause is after an accept that failed, as when the process has no descriptor left.
	pause = 20 * time.Millisecond
)

// welcome is the first byte that who listens sends after a handshake.
const welcome = 'w'

// Door is a listener that lets in only who has proved who it is.
type Door struct {
	config   Config
	listener net.Listener
	record   *record
	crowd    *crowd
	queues   map[Protocol]chan net.Conn
	waiting  chan struct{} // one for each connection that waits to be taken
	ctx      context.Context
	stop     context.CancelFunc
	running  sync.WaitGroup

	mu    sync.Mutex
	open  map[*Conn]struct{}
	clear map[*Clear]struct{}
}

// Open begins to take connections from a listener, which is the door's from then on.
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

// Close takes no more connections, ends handshakes, and waits for them. Connections that were accepted stay: they are of who accepted them.
// Repeatable.
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

// Addr is where it listens.
func (d *Door) Addr() net.Addr { return d.listener.Addr() }

// Stats are what happened so far.
func (d *Door) Stats() Stats {
	s := d.record.now()
	s.HalfOpen = d.crowd.size()
	d.mu.Lock()
	defer d.mu.Unlock()
	s.Open, s.Clear = len(d.open), len(d.clear)
	return s
}

// Sweep ends all connections whose peers would not be let in now, after withdrawals or lists have changed, and gives their peers.
func (d *Door) Sweep() (ended []identity.Peer) {
	return sweep(d.conns(), func(c *Conn, err error) { d.record.refused(c.RemoteAddr(), err) })
}

// conns are the connections that are open.
func (d *Door) conns() []*Conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.open))
}

// Listener gives the connections of one protocol. Accept gives a *Conn, or a *Clear to the first protocol where Config.Clear lets that in.
// Closing it closes the door.
func (d *Door) Listener(p Protocol) net.Listener { return &acceptor{door: d, queue: d.queues[p]} }

type acceptor struct {
	door  *Door
	queue <-chan net.Conn // nil for a protocol that is not offered: nobody comes
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
			d.stop() // nobody will come any more, and who accepts should know
			return
		case err != nil:
			d.record.logger.Error("no connection can be taken", "door", d.config.Name, "error", err)
			if pace.Rest(d.ctx, pause) != nil {
				return
			}
			continue
		}
		d.record.came()
		in, out := d.crowd.enter(conn)
		if out != nil {
			_ = out.conn.Close() // what becomes of it its own goroutine tells
		}
		d.running.Go(func() { d.receive(in) })
	}
}

// receive lets one in, or says why not.
func (d *Door) receive(g *guest) {
	conn, clear, err := d.meet(g.conn)
	if d.crowd.leave(g) {
		if conn != nil {
			d.gone(conn)
		}
		err = fmt.Errorf("%w: of %d handshakes at a time, %d of one address, the oldest has to go", ErrCrowded, d.config.HalfOpen, d.config.HalfOpenEach)
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

// meet gives one of the two: who has proved itself, or who speaks plain text where that is let in.
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
			made.believed.Store(current) // if not these judge, Still does
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
			return identity.Server(offer.Source, policy, all...), nil // crypto/tls says no, in the words that the protocol has for it
		}
		return identity.Server(offer.Source, policy, string(offer.Protocol)), nil
	}}
	made.Conn = tls.Server(l, config)
	err := made.Handshake()
	if err == nil {
		// Judged again once Sweep can see it: a withdrawal in between would find neither this handshake nor this connection else.
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

// choose gives the offer for what who dials can speak, or the first one, and the names of all.
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

// hand gives a connection to whoever accepts those of its protocol.
func (d *Door) hand(c net.Conn, p Protocol, who string) error {
	select {
	case d.waiting <- struct{}{}:
		defer func() { <-d.waiting }()
	default:
		_ = c.Close()
		return fmt.Errorf("%w: %d connections are proved and wait to be taken already", ErrCrowded, d.config.HalfOpen)
	}
	patience := time.NewTimer(d.config.Handshake)
	defer patience.Stop()
	select {
	case d.queues[p] <- c:
		return nil
	case <-patience.C:
		_ = c.Close()
		return fmt.Errorf("%w: %s was let in, and nobody took the connection", ErrCrowded, who)
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

// gone forgets a connection that was closed.
func (d *Door) gone(c *Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, c)
}
