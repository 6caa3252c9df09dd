package link

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/lateness"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/level"
)

// linkUser is the other main on this one's server.
const linkUser = "peer"

// Link is the pair of connections between the mains: a server for the other one's calls, a client for ours. Each main
// judges by the replies to its own beats, so the two directions need not agree. Beats and messages about roles have
// one connection, events and calls of operators another: a megabyte on its way over a slow line delays no beat.
type Link struct {
	config  Config
	users   *broker.Users
	server  *broker.Server
	inside  []*bus.Conn // own connections to the server, which serve the other main's calls
	calls   *bus.Router // what the other main asks
	dialler *Dialler
	late    *lateness.Watch // over the other main

	mu       sync.Mutex
	conn     *bus.Conn // to the other main; nil while there is none
	bulkConn *bus.Conn // likewise, beside it
	beatCh   chan struct{}
}

// Config describes a Link.
type Config struct {
	Host     string // this host's name
	Listen   string // host:port of the own link server
	Peer     string // host:port of the other main's
	Password string // of either main on the other's server
	Network  bus.Network
	Interval time.Duration // in which main calls Now
	Clock    lease.Clock
	Main     Main
	Log      *slog.Logger
}

// Main is the main that a link belongs to.
type Main interface {
	// Beat is what it says of itself in its next beat.
	Beat() bus.Beat
	// Beaten takes a beat of the other main. It is told on the goroutine of the connection and must not block; answer may be
	// called later.
	Beaten(b bus.Beat, answer func(bus.BeatReply, error))
	// BeatAnswered takes the answer to a beat that was sent at sentAt; refusal is why the other main refused the hello.
	BeatAnswered(sentAt time.Duration, reply bus.BeatReply, refusal error)
	// LinkSeen is told of each change of what the link port proves, one after the other. It must not block.
	LinkSeen(evidence.State)
}

// New returns a link. Nothing is opened before Start, and every endpoint is registered (Hear) before it.
func New(c Config) (*Link, error) {
	users := broker.NewUsers()
	users.Allow(linkUser, broker.Grant{Password: c.Password, Permissions: broker.Permit(
		[]string{bus.SubjectBeat, bus.SubjectRoles, bus.SubjectBulk}, []string{bus.InboxPrefix("link") + ".>"})})
	server, err := broker.NewServer(broker.ServerConfig{Name: c.Host + "-link", Listen: c.Listen, Network: c.Network, Users: users, MaxPayload: 1 << 20, Logger: c.Log})
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	l := &Link{config: c, users: users, server: server, beatCh: make(chan struct{}, 1),
		calls: bus.NewRouter(bus.InboxPrefix("link")), late: lateness.NewWatch(c.Clock, c.Interval)}
	bus.CallBeat.Handle(l.calls, func(b bus.Beat, answer func(bus.BeatReply, error)) {
		l.late.Heard(b.Incarnation)
		c.Main.Beaten(b, answer)
	})
	l.dialler = NewDialler(DiallerConfig{
		Network: c.Network, Timeout: max(4*c.Interval, 250*time.Millisecond), Clock: c.Clock,
		Changed: func(e Evidence) { c.Main.LinkSeen(e.State) },
	})
	return l, nil
}

// Start opens the server. It makes the password of the inner user, so that never leaves the process. When it fails
// nothing is open.
func (l *Link) Start(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	if err := l.server.Start(ctx); err != nil {
		return err
	}
	inner := broker.Grant{Password: rand.Text()}
	l.users.Allow(bus.ProcessMain, inner)
	for _, subjects := range [][]string{{bus.SubjectBeat, bus.SubjectRoles}, {bus.SubjectBulk}} {
		conn, err := bus.Connect(ctx, bus.ConnConfig{Name: "main", InProcess: l.server, User: bus.ProcessMain, Password: inner.Password, Ping: time.Minute, Once: true})
		if err != nil {
			return fmt.Errorf("link: %w", err)
		}
		l.inside = append(l.inside, conn)
		for _, subject := range subjects {
			if _, err := l.calls.Listen(conn, subject); err != nil {
				return fmt.Errorf("link: %w", err)
			}
		}
		if err := conn.FlushTimeout(2 * time.Second); err != nil {
			return fmt.Errorf("link: %w", err)
		}
	}
	return nil
}

// Lateness watches how late the other main is.
func (l *Link) Lateness() *lateness.Watch { return l.late }

// RefusedLogins counts the logins that were refused at its port.
func (l *Link) RefusedLogins() uint64 { return l.users.Refused() }

// Hear registers take as the handler of an endpoint for the other main, whose program must share a level with this one.
// take must not block. Every endpoint is registered before the link starts.
func Hear[Q interface{ From() bus.LinkSender }, A any](l *Link, e bus.Endpoint[Q, A], take func(q Q, answer func(A, error))) {
	e.Handle(l.calls, func(q Q, answer func(A, error)) {
		from := q.From()
		if _, err := level.Meet(level.This("this host"), level.Party{Name: from.Host, Range: from.Levels}); err != nil {
			var none A
			answer(none, err)
			return
		}
		take(q, answer)
	})
}

// Run keeps a connection to the other main until ctx ends. On the connection it beats when Now is called.
func (l *Link) Run(ctx context.Context) error {
	_ = Keep(ctx, func(ctx context.Context) error { // ends with ctx only
		conn, err := l.dial(ctx)
		if err != nil {
			return err
		}
		l.late.Lost() // nothing that was said before is waited for
		l.set(conn)
		l.dialler.Connected()
		var beside sync.WaitGroup
		defer beside.Wait()
		beside.Go(func() { l.keepBulk(ctx, conn) })
		beside.Go(func() { conn.Watch(ctx, 2*l.config.Interval) })
		l.beatOn(ctx, conn)
		if ctx.Err() != nil {
			return nil // close ends the connection, last of all
		}
		l.dialler.Lost(context.Cause(conn.Up()))
		l.late.Lost()
		l.set(nil)
		conn.Close()
		return nil
	})
	return ctx.Err()
}

// beatOn beats whenever main says so, until the connection is lost. There is no clock here: a beat that this goroutine made
// by itself would prove that it lives, and the other main would go on waiting for one that decides nothing any more.
func (l *Link) beatOn(ctx context.Context, conn *bus.Conn) {
	for {
		select {
		case <-l.beatCh:
			l.send(ctx, conn)
		case <-conn.Up().Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

func (l *Link) dial(ctx context.Context) (*bus.Conn, error) {
	return l.dialler.Connect(ctx, bus.ConnConfig{
		Name: l.config.Host + " control", URL: "nats://" + l.config.Peer, User: linkUser, Password: l.config.Password,
		Inbox: bus.InboxPrefix("link"),
	})
}

// keepBulk keeps the connection for large messages, as long as the one for beats is up. It proves nothing: whether the
// other main lives is judged by beats.
func (l *Link) keepBulk(ctx context.Context, beats *bus.Conn) {
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(beats.Up(), cancel)
	defer stop()
	_ = Keep(within, func(ctx context.Context) error { // ends with within only
		conn, err := bus.Connect(ctx, bus.ConnConfig{
			Name: l.config.Host + " bulk", URL: "nats://" + l.config.Peer, User: linkUser, Password: l.config.Password,
			Inbox: bus.InboxPrefix("link"), Network: l.config.Network, Once: true,
		})
		if err != nil {
			return err
		}
		l.setBulk(conn)
		select {
		case <-conn.Up().Done():
		case <-ctx.Done():
		}
		l.setBulk(nil)
		conn.Close()
		return nil
	})
}

func (l *Link) setBulk(conn *bus.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bulkConn = conn
}

// Roles asks the other main on the connection for messages about roles.
func (l *Link) Roles() bus.Asker { return route(l.connection) }

// Bulk asks the other main on the connection for large messages.
func (l *Link) Bulk() bus.Asker {
	return route(func() *bus.Conn {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.bulkConn
	})
}

// route asks on the connection of that moment. The error is bus.ErrDisconnected when there is none.
type route func() *bus.Conn

// Request implements bus.Asker.
func (w route) Request(ctx context.Context, subject string, data []byte) (*nats.Msg, error) {
	conn := w()
	if conn == nil {
		return nil, bus.ErrDisconnected
	}
	return conn.Request(ctx, subject, data)
}

// Refused says why the other main refuses this one although it answers at its address; "" while it
// does not.
func (l *Link) Refused() string {
	if err := l.dialler.Evidence().Err; errors.Is(err, nats.ErrAuthorization) {
		return "it refuses this host's password: HOTPAIR_PAIR_SECRET differs"
	}
	return ""
}

// Address is the host:port at which the other main reaches the server.
func (l *Link) Address() string { return l.server.Address() }

// Calls routes the calls of the other main.
func (l *Link) Calls() *bus.Router { return l.calls }

// Inside are this main's connections to its server: without them the other main gets no answers.
func (l *Link) Inside() []*bus.Conn { return l.inside }

// Now beats at once, if there is a connection. Main calls it from its deciding loop, at every turn and at least once
// in each interval. Never blocks.
func (l *Link) Now() {
	l.late.Turned()
	select {
	case l.beatCh <- struct{}{}:
	default:
	}
}

// send sends one beat; its reply comes whenever it comes, several may be on their way.
func (l *Link) send(ctx context.Context, conn *bus.Conn) {
	sentAt := l.config.Clock()
	beat := l.config.Main.Beat()
	go func() {
		wait, cancel := context.WithTimeout(ctx, 16*l.config.Interval)
		defer cancel()
		reply, err := bus.CallBeat.Ask(wait, conn, beat)
		if err == nil {
			l.late.Replied(sentAt, reply.Incarnation)
		}
		if err == nil || fault.Remote(err) || errors.Is(err, bus.ErrMalformed) {
			l.config.Main.BeatAnswered(sentAt, reply, err)
		} // silence is what the machine counts
	}()
}

func (l *Link) set(conn *bus.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = conn
}

func (l *Link) connection() *bus.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn
}

// Close ends both directions. Main closes its link last, so that a host that still works is never *refused*.
func (l *Link) Close() {
	if conn := l.connection(); conn != nil {
		conn.Close()
	}
	for _, conn := range l.inside {
		conn.Close()
	}
	l.server.Stop()
}
