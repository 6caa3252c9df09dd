package mainprocess

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/role"
)

// linkUser is the other main on this one's link server.
const linkUser = "peer"

// link is the pair of connections between the mains: a server for the other one's calls, a client for ours. Each main
// judges by the replies to its own beats, so the two directions need not agree. Beats and what is said about roles have
// one connection, events and calls of operators another: a megabyte on its way over a slow line delays no beat.
type link struct {
	config   linkConfig
	users    *bus.Users
	server   *bus.Server
	inside   []*bus.Conn // own connections to the server, which serve the other main's calls
	evidence *evidence
	apart    context.Context // ends when the other main could not be dialled
	notFound context.CancelFunc

	mu     sync.Mutex
	conn   *bus.Conn // to the other main; nil while there is none
	bulk   *bus.Conn // likewise, beside it
	beatCh chan struct{}
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

	beat     func() bus.Beat
	answered func(sentAt time.Duration, reply bus.BeatReply)
	beaten   func(b bus.Beat, reply func(bus.BeatReply))
	message  func(m bus.LinkMessage, reply func(bus.LinkReply))
	evidence func(role.Evidence)
}

func newLink(c linkConfig) (*link, error) {
	users := bus.NewUsers()
	users.Allow(linkUser, bus.Grant{Password: c.password, Permissions: bus.Permit(
		[]string{bus.SubjectBeat, bus.SubjectMessage, bus.SubjectBulk}, []string{bus.InboxPrefix("link") + ".>"})})
	server, err := bus.NewServer(bus.ServerConfig{Name: c.host + "-link", Listen: c.listen, Network: c.network, Users: users, MaxPayload: 1 << 20, Logger: c.log})
	if err != nil {
		return nil, fmt.Errorf("link (HOTPAIR_LINK): %w", err)
	}
	l := &link{config: c, users: users, server: server, beatCh: make(chan struct{}, 1)}
	l.apart, l.notFound = context.WithCancel(context.Background())
	l.evidence = &evidence{network: c.network, timeout: max(4*c.interval, 250*time.Millisecond), changed: c.evidence}
	return l, nil
}

// start opens the server. The password of the inner user is made here, so it never leaves the process.
func (l *link) start(ctx context.Context) error {
	if err := l.server.Start(ctx); err != nil {
		return listening("HOTPAIR_LINK", err)
	}
	inner := bus.Grant{Password: nonce()}
	l.users.Allow(bus.ProcessMain, inner)
	for _, served := range []map[string]nats.MsgHandler{
		{bus.SubjectBeat: l.serveBeat, bus.SubjectMessage: l.serveMessage},
		{bus.SubjectBulk: l.serveMessage},
	} {
		conn, err := bus.Connect(ctx, bus.ConnConfig{Name: "main", InProcess: l.server, User: bus.ProcessMain, Password: inner.Password, Ping: time.Minute, Once: true})
		if err != nil {
			return fmt.Errorf("link: %w", err)
		}
		l.inside = append(l.inside, conn)
		for subject, handle := range served {
			if _, err := conn.Subscribe(subject, handle); err != nil {
				return fmt.Errorf("link: %w", err)
			}
		}
		if err := conn.FlushTimeout(2 * time.Second); err != nil {
			return fmt.Errorf("link: %w", err)
		}
	}
	return nil
}

// serveBeat answers at once, on the driver's goroutine, so that a reply says what the machine knew at that step.
func (l *link) serveBeat(m *nats.Msg) {
	var b bus.Beat
	if err := bus.DecodeJSON(m.Data, &b); err != nil {
		_ = m.Respond(bus.EncodeJSON(bus.BeatReply{Error: err.Error()}))
		return
	}
	l.config.beaten(b, func(r bus.BeatReply) { _ = m.Respond(bus.EncodeJSON(r)) })
}

func (l *link) serveMessage(m *nats.Msg) {
	var lm bus.LinkMessage
	if err := bus.DecodeJSON(m.Data, &lm); err != nil {
		_ = m.Respond(bus.EncodeJSON(bus.LinkReply{Error: err.Error()}))
		return
	}
	if lm.Version != bus.Version {
		_ = m.Respond(bus.EncodeJSON(bus.LinkReply{Error: fmt.Sprintf("this host speaks version %d, not %d", bus.Version, lm.Version)}))
		return
	}
	l.config.message(lm, func(r bus.LinkReply) { _ = m.Respond(bus.EncodeJSON(r)) })
}

// Redial is the pause between dials: at once at first, because who is there was usually just restarted, and at most a
// quarter of a second, because it may be gone for days.
const (
	redialFirst = time.Millisecond
	redialLast  = 250 * time.Millisecond
)

// Run dials the other main for ever and beats on the connection. A connection that is lost is thrown away: one that the
// client library renewed by itself would hold its lock while it dials, and with it every caller, whatever their deadlines.
func (l *link) Run(ctx context.Context) error {
	for wait := redialFirst; ctx.Err() == nil; {
		conn, err := l.dial(ctx)
		if err == nil {
			wait = redialFirst
			l.set(conn)
			l.evidence.connected()
			var beside sync.WaitGroup
			beside.Go(func() { l.keepBulk(ctx, conn) })
			beside.Go(func() { conn.Watch(ctx, 2*l.config.interval) })
			l.beatOn(ctx, conn)
			if ctx.Err() != nil {
				beside.Wait()
				break // close ends the connection, last of all
			}
			l.evidence.lost()
			l.set(nil)
			conn.Close()
			beside.Wait()
			continue
		}
		l.notFound()
		pause := time.NewTimer(wait)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
		wait = min(2*wait, redialLast)
	}
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
	return bus.Connect(ctx, bus.ConnConfig{
		Name: l.config.host + " control", URL: "nats://" + l.config.peer, User: linkUser, Password: l.config.password,
		Inbox: bus.InboxPrefix("link"), Dialer: l.evidence, Handshake: max(4*l.config.interval, 250*time.Millisecond),
		Once: true,
	})
}

// keepBulk keeps the connection for what may be much, as long as the one for beats stands. It proves nothing: whether the
// other main lives is judged by beats.
func (l *link) keepBulk(ctx context.Context, beats *bus.Conn) {
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(beats.Up(), cancel)
	defer stop()
	for wait := redialFirst; within.Err() == nil; wait = min(2*wait, redialLast) {
		conn, err := bus.Connect(within, bus.ConnConfig{
			Name: l.config.host + " bulk", URL: "nats://" + l.config.peer, User: linkUser, Password: l.config.password,
			Inbox: bus.InboxPrefix("link"), Network: l.config.network, Once: true,
		})
		if err == nil {
			wait = redialFirst
			l.setBulk(conn)
			select {
			case <-conn.Up().Done():
			case <-within.Done():
			}
			l.setBulk(nil)
			conn.Close()
		}
		if pace.Rest(within, wait) != nil {
			return
		}
	}
}

func (l *link) setBulk(conn *bus.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bulk = conn
}

// way gives the connection and subject for a message; nil when there is none.
func (l *link) way(kind string) (*bus.Conn, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if kind == bus.LinkEvents || kind == bus.LinkOperator {
		return l.bulk, bus.SubjectBulk
	}
	return l.conn, bus.SubjectMessage
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
	data := bus.EncodeJSON(l.config.beat())
	go func() {
		wait, cancel := context.WithTimeout(ctx, 16*l.config.interval)
		defer cancel()
		m, err := conn.Request(wait, bus.SubjectBeat, data)
		if err != nil {
			return // silence is what the machine counts
		}
		var reply bus.BeatReply
		if err := bus.DecodeJSON(m.Data, &reply); err != nil {
			reply = bus.BeatReply{Error: err.Error()}
		}
		l.config.answered(sentAt, reply)
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

// tell sends a message to the other main and waits for its reply.
func (l *link) tell(ctx context.Context, m bus.LinkMessage) (json.RawMessage, error) {
	conn, subject := l.way(m.Kind)
	if conn == nil {
		return nil, bus.ErrDisconnected
	}
	m.Version, m.Host = bus.Version, l.config.host
	answer, err := conn.Request(ctx, subject, bus.EncodeJSON(m))
	if err != nil {
		return nil, err
	}
	var reply bus.LinkReply
	if err := bus.DecodeJSON(answer.Data, &reply); err != nil {
		return nil, err
	}
	if reply.Error != "" {
		return nil, fmt.Errorf("%w: %s", errRefused, reply.Error)
	}
	return reply.Body, nil
}

// errRefused says that the other main refused a message.
var errRefused = errors.New("the other host refused")

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
