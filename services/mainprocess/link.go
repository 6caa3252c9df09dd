package mainprocess

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/lease"
	remote "github.com/hotpair/hotpair/services/link"
	"github.com/hotpair/hotpair/services/pace"
)

// linkUser is the other main on this one's link server.
const linkUser = "peer"

// link is the pair of connections between the mains: a server for the other one's calls, a client for ours. Each main
// judges by the replies to its own beats, so the two directions need not agree. Beats and what is said about roles have
// one connection, events and calls of operators another: a megabyte on its way over a slow line delays no beat.
type link struct {
	config  linkConfig
	users   *bus.Users
	server  *bus.Server
	inside  []*bus.Conn // own connections to the server, which serve the other main's calls
	calls   *bus.Router // what the other main asks
	dialler *remote.Dialler

	mu       sync.Mutex
	conn     *bus.Conn // to the other main; nil while there is none
	bulkConn *bus.Conn // likewise, beside it
	beatCh   chan struct{}
}

type linkConfig struct {
	host     string
	listen   string
	peer     string
	password string
	network  bus.Network   // nil: TCP
	interval time.Duration // of beats
	clock    lease.Clock
	log      *slog.Logger

	main Main
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

func newLink(c linkConfig) (*link, error) {
	users := bus.NewUsers()
	users.Allow(linkUser, bus.Grant{Password: c.password, Permissions: bus.Permit(
		[]string{bus.SubjectBeat, bus.SubjectRoles, bus.SubjectBulk}, []string{bus.InboxPrefix("link") + ".>"})})
	server, err := bus.NewServer(bus.ServerConfig{Name: c.host + "-link", Listen: c.listen, Network: c.network, Users: users, MaxPayload: 1 << 20, Logger: c.log})
	if err != nil {
		return nil, fmt.Errorf("link (HOTPAIR_LINK): %w", err)
	}
	l := &link{config: c, users: users, server: server, beatCh: make(chan struct{}, 1),
		calls: bus.NewRouter(bus.InboxPrefix("link"))}
	bus.CallBeat.Handle(l.calls, c.main.Beaten)
	l.dialler = remote.NewDialler(remote.DiallerConfig{
		Network: c.network, Timeout: max(4*c.interval, 250*time.Millisecond), Clock: c.clock,
		Changed: func(e remote.Evidence) { c.main.LinkSeen(e.State) },
	})
	return l, nil
}

// start opens the server. The password of the inner user is made here, so it never leaves the process.
func (l *link) start(ctx context.Context) error {
	if err := l.server.Start(ctx); err != nil {
		return listening("HOTPAIR_LINK", err)
	}
	inner := bus.Grant{Password: nonce()}
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

// hear has take answer what the other main says at an endpoint, if it speaks this version. It must not block. Everything is
// said before the link starts.
func hear[Q interface{ From() bus.LinkSender }, A any](l *link, e bus.Endpoint[Q, A], take func(q Q, answer func(A, error))) {
	e.Handle(l.calls, func(q Q, answer func(A, error)) {
		if v := q.From().Version; v != bus.Version {
			var none A
			answer(none, fmt.Errorf("%w: this host speaks version %d, not %d", bus.ErrVersion, bus.Version, v))
			return
		}
		take(q, answer)
	})
}

// Run dials the other main for ever and beats on the connection.
func (l *link) Run(ctx context.Context) error {
	_ = remote.Keep(ctx, func(ctx context.Context) error { // ends with ctx only
		conn, err := l.dial(ctx)
		if err != nil {
			return err
		}
		l.set(conn)
		l.dialler.Connected()
		var beside sync.WaitGroup
		defer beside.Wait()
		beside.Go(func() { l.keepBulk(ctx, conn) })
		beside.Go(func() { conn.Watch(ctx, 2*l.config.interval) })
		l.beatOn(ctx, conn)
		if ctx.Err() != nil {
			return nil // close ends the connection, last of all
		}
		l.dialler.Lost(context.Cause(conn.Up()))
		l.set(nil)
		conn.Close()
		return nil
	})
	return ctx.Err()
}

// beatOn beats until the connection is lost.
func (l *link) beatOn(ctx context.Context, conn *bus.Conn) {
	tick := time.NewTimer(pace.Next(l.config.interval))
	defer tick.Stop()
	for {
		l.send(ctx, conn)
		select {
		case <-tick.C:
			tick.Reset(pace.Next(l.config.interval))
		case <-l.beatCh:
		case <-conn.Up().Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

func (l *link) dial(ctx context.Context) (*bus.Conn, error) {
	return l.dialler.Connect(ctx, bus.ConnConfig{
		Name: l.config.host + " control", URL: "nats://" + l.config.peer, User: linkUser, Password: l.config.password,
		Inbox: bus.InboxPrefix("link"),
	})
}

// keepBulk keeps the connection for what may be much, as long as the one for beats stands. It proves nothing: whether the
// other main lives is judged by beats.
func (l *link) keepBulk(ctx context.Context, beats *bus.Conn) {
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(beats.Up(), cancel)
	defer stop()
	_ = remote.Keep(within, func(ctx context.Context) error { // ends with within only
		conn, err := bus.Connect(ctx, bus.ConnConfig{
			Name: l.config.host + " bulk", URL: "nats://" + l.config.peer, User: linkUser, Password: l.config.password,
			Inbox: bus.InboxPrefix("link"), Network: l.config.network, Once: true,
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

func (l *link) setBulk(conn *bus.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bulkConn = conn
}

// roles is the way to the other main for what is said about roles, bulk for what may be much.
func (l *link) roles() bus.Asker { return way(l.connection) }

func (l *link) bulk() bus.Asker {
	return way(func() *bus.Conn {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.bulkConn
	})
}

// way asks on the connection that there is at that moment; bus.ErrDisconnected when there is none.
type way func() *bus.Conn

// Request implements bus.Asker.
func (w way) Request(ctx context.Context, subject string, data []byte) (*nats.Msg, error) {
	conn := w()
	if conn == nil {
		return nil, bus.ErrDisconnected
	}
	return conn.Request(ctx, subject, data)
}

// now beats at once. Never blocks.
func (l *link) now() {
	select {
	case l.beatCh <- struct{}{}:
	default:
	}
}

// send sends one beat; its reply comes whenever it comes, several may be on their way.
func (l *link) send(ctx context.Context, conn *bus.Conn) {
	sentAt := l.config.clock()
	beat := l.config.main.Beat()
	go func() {
		wait, cancel := context.WithTimeout(ctx, 16*l.config.interval)
		defer cancel()
		reply, err := bus.CallBeat.Ask(wait, conn, beat)
		if err == nil || fault.Remote(err) || errors.Is(err, bus.ErrMalformed) {
			l.config.main.BeatAnswered(sentAt, reply, err)
		} // silence is what the machine counts
	}()
}

func (l *link) set(conn *bus.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = conn
}

func (l *link) connection() *bus.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn
}

// close ends both directions. Main closes its link last, so that *refused* is never said of a host that still works.
func (l *link) close() {
	if conn := l.connection(); conn != nil {
		conn.Close()
	}
	for _, conn := range l.inside {
		conn.Close()
	}
	l.server.Stop()
}
