package terminalif

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/terminalif/probing"
	"github.com/hotpair/hotpair/services/terminalif/wire"
)

const (
	// orderWithin bounds an attach or a detach. It is long because a late terminal is better than a session that is
	// closed, and started again, at the moment when all terminals attach.
	orderWithin = 5 * time.Second
	// redialFirst and redialLast bound the pause between dials: short when an agent was restarted, long when a terminal
	// is gone for days. Half of it is random, so that thousands do not dial in step.
	redialFirst = 20 * time.Millisecond
	redialLast  = 2 * time.Second
	// maxBacklog of answers that a terminal does not read, in bytes. Then its connection is closed.
	maxBacklog = 32 << 20
	// requestsPerSecond and burstRequests bound one terminal, far above what one agent can carry.
	requestsPerSecond = 50_000
	burstRequests     = 100_000
	// complaintEach bounds how often a terminal's refusals are logged: it can send thousands of them a second.
	complaintEach = time.Minute
)

// States of a terminal as this host sees it.
const (
	stateUnreachable = "unreachable" // not connected; left when hello was answered
	stateRefused     = "refused"     // connected, and the agent refuses this host, or was refused as no agent
	stateWarm        = "warm"        // connected, greeted, ready to be attached
	stateAttached    = "attached"    // serves in the present term
)

var (
	// errBacklog says that a terminal does not read its answers.
	errBacklog = errors.New("terminal does not read its answers")
	// errRetired says that the terminal was removed from the pair.
	errRetired = errors.New("terminal was removed")
)

// session is the connection to one terminal, dialled again whenever it is lost.
//
//	unreachable ──dial, hello──► warm ──attach──► attached
//	     ▲                        │ ▲               │  │
//	     └────── lost ────────────┘ └── detach ─────┘  └── lost ──► unreachable
//
// One goroutine does everything in order; others only wake it and read what it publishes.
type session struct {
	id, url, key string
	owner        *Interface
	log          *slog.Logger
	wake         chan struct{} // one token: the term has changed
	condemned    chan error    // one token: close the connection
	suspected    chan struct{} // one token: ask whether the terminal is silent
	retired      chan struct{} // closed when the terminal was removed from the pair
	requests     *rate.Limiter
	complaints   rate.Sometimes // what the terminal's server refuses has a line in the log
	failures     int            // dials in a row that led to no session; of run alone
	seen         atomic.Uint64  // the highest number of a request

	mu     sync.Mutex
	conn   *wire.Conn // greeted, or nil
	end    func()     // ends run; set when it begins
	status bus.TerminalDetail
	epoch  uint64        // highest the terminal has told
	gap    time.Duration // that it told at the last attach
	recent int           // requests that the terminal says it had lately
	audit  uint64        // that asked for its receipts since the last attach; 0 for none
}

func newSession(id, url, key string, owner *Interface, log *slog.Logger) *session {
	return &session{
		id: id, url: url, key: key, owner: owner, log: log.With("terminal", id),
		wake: make(chan struct{}, 1), condemned: make(chan error, 1), suspected: make(chan struct{}, 1), retired: make(chan struct{}),
		requests: rate.NewLimiter(requestsPerSecond, burstRequests), complaints: rate.Sometimes{First: 3, Interval: complaintEach},
		status: bus.TerminalDetail{
			TerminalStatus: bus.TerminalStatus{ID: id, Address: url, State: stateUnreachable, Reason: "not tried yet"}, Since: time.Now(),
		},
	}
}

// poke wakes the session's goroutine. It never blocks.
func (s *session) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// condemn closes the connection because of what the terminal does. It never blocks.
func (s *session) condemn(why error) {
	select {
	case s.condemned <- why:
	default:
	}
}

// warm returns the connection if the terminal has been greeted.
func (s *session) warm() *wire.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn
}

func (s *session) set(state, reason string) {
	s.mu.Lock()
	changed := s.status.State != state || s.status.Reason != reason
	if s.status.State != state {
		s.status.Since = time.Now()
	}
	s.status.State, s.status.Reason = state, reason
	if reason != "" {
		s.status.LastError, s.status.LastErrorAt = reason, time.Now()
	}
	s.mu.Unlock()
	if changed {
		s.owner.noteChange()
	}
}

// detail is all that is known of the terminal.
func (s *session) detail() bus.TerminalDetail {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.status
	d.Epoch = s.epoch
	return d
}

// said records the agent's statement of its attached host. Like all data from there it is only shown.
func (s *session) said(active string, fresh bool, recent int, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recent = recent
	s.status.Active, s.status.Fresh = wire.Clip(active), fresh
	if took > 0 {
		s.status.RTT = took
	}
}

// retire ends the session: the terminal is told to keep its requests for another host. It does not wait.
func (s *session) retire() {
	close(s.retired)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil && s.end != nil {
		s.end()
	}
}

// over reports whether the session was retired.
func (s *session) over() bool {
	select {
	case <-s.retired:
		return true
	default:
		return false
	}
}

// heard records an epoch that the terminal reports. It is only shown: a terminal's statements never change the host.
func (s *session) heard(epoch uint64) {
	s.mu.Lock()
	changed := epoch > s.epoch
	s.epoch = max(s.epoch, epoch)
	s.mu.Unlock()
	if changed {
		s.owner.noteChange()
	}
}

// run keeps the session until ctx ends.
func (s *session) run(ctx context.Context) {
	pause := redialFirst
	for ctx.Err() == nil {
		served, err := s.once(ctx)
		s.failures++
		if ctx.Err() != nil || s.over() {
			return
		}
		state := stateUnreachable
		if errors.Is(err, errGreeting) || errors.Is(err, wire.ErrHostile) || errors.Is(err, nats.ErrAuthorization) {
			state = stateRefused
		}
		s.set(state, err.Error())
		if served {
			s.owner.losses.Lost(s.log, err)
			pause, s.failures = redialFirst, 0
		}
		if errors.Is(err, wire.ErrHostile) || errors.Is(err, errBacklog) {
			s.log.Warn("terminal misbehaves", "error", err)
			pause = redialLast
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
		}
		pause = min(2*pause, redialLast)
	}
}

// once dials, greets and serves until the connection is lost. served: it was a session for a while.
func (s *session) once(ctx context.Context) (served bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	greeted, err := s.owner.dialer.Slot(ctx, s.failures > 1)
	if err != nil {
		return false, err
	}
	defer greeted()
	dial := s.owner.dialer.Attempt(ctx)
	defer func() {
		if why := dial.Reason(); why != nil {
			err = why
		}
	}()
	conn, err := dial.Connect(wire.Config{
		Name: s.owner.config.Host, URL: s.url, Password: s.key, Network: s.owner.config.Network(s.id),
		Complaint: func(err error) {
			s.complaints.Do(func() { s.log.Warn("terminal's connection complains", "error", err) })
		},
	})
	if err != nil {
		return false, err
	}
	defer conn.Close()
	conn.Subscribe(bus.SubjectAgentChanged, s.changed)
	within, cancelHello := context.WithTimeout(ctx, probing.Within)
	welcome, err := s.hello(within, conn)
	cancelHello()
	if err != nil {
		return false, err
	}
	s.log.Debug("terminal greeted", "epoch", welcome.Epoch)
	greeted()
	return true, s.serve(ctx, conn, welcome)
}

// serve keeps a greeted connection: attaches and detaches as the term changes, repeats hello. It ends with the reason.
func (s *session) serve(ctx context.Context, conn *wire.Conn, welcome bus.AgentWelcome) error {
	up := conn.Up()
	s.mu.Lock()
	s.conn = conn
	s.mu.Unlock()
	s.set(stateWarm, "")
	a := attachment{session: s, conn: conn, unnumbered: welcome.New()}
	defer func() {
		s.mu.Lock()
		s.conn = nil
		s.mu.Unlock()
		a.lost()
	}()
	drainOf(s.condemned)
	pause := s.owner.helloPause()
	next := time.NewTimer(pause/2 + rand.N(pause/2))
	defer next.Stop()
	greet := func() error {
		welcome, err := s.confirm(ctx, conn, patientWithin)
		if err == nil {
			a.check(welcome)
			next.Reset(s.owner.helloPause())
		}
		return err
	}
	for {
		if s.over() {
			return errors.Join(errRetired, a.detach(ctx))
		}
		if err := a.follow(ctx, s.owner.present()); err != nil {
			return err
		}
		select {
		case <-s.wake:
		case <-next.C:
			if err := greet(); err != nil {
				return err
			}
		case <-s.suspected:
			if err := greet(); err != nil {
				return err
			}
		case err := <-s.condemned:
			return err
		case <-s.retired:
		case <-up.Done():
			return context.Cause(up)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drainOf removes the token of an earlier connection from a channel.
func drainOf(c chan error) {
	select {
	case <-c:
	default:
	}
}

// changed hears the agent's push: a session of some host came or went.
func (s *session) changed(m *nats.Msg) {
	var change bus.AgentChange
	if bus.DecodeJSON(m.Data, &change) == nil {
		s.heard(change.Epoch)
		s.said(change.Host, change.Fresh, change.Recent, 0)
		if t := s.owner.present(); t != nil && change.Epoch > t.Epoch {
			s.left(change.Host, change.Epoch)
		}
	}
}

// left records that the terminal is attached in a later term than this host's: it accepts nothing more from here.
func (s *session) left(host string, epoch uint64) {
	s.set(stateRefused, fmt.Sprintf("it is attached to %s in epoch %d", wire.Clip(host), epoch))
}
