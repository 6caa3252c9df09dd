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

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/enrolment"
	"github.com/hotpair/hotpair/services/flightrecorder"
	"github.com/hotpair/hotpair/services/issuing"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/terminalif/admission"
	"github.com/hotpair/hotpair/services/terminalif/directories"
	"github.com/hotpair/hotpair/services/terminalif/receipt"
	"github.com/hotpair/hotpair/services/terminalif/tally"
	"github.com/hotpair/hotpair/services/terminalif/wire"
	"github.com/hotpair/hotpair/services/timers"
	"github.com/hotpair/hotpair/services/traffic"
	"github.com/hotpair/hotpair/services/wires"
)

// Defaults of Bounds. A terminal's own agent keeps 1024 waiting, so one terminal alone does not meet its bound in number here.
const (
	perTerminal      = 1024
	perTerminalBytes = 16 << 20
	inAll            = 32768
	inAllBytes       = 64 << 20 // what the bus keeps for one process that does not read
	parallelDials    = 64
	sweepEvery       = time.Second
	// busPing finds a main that neither ends nor answers. It is slow on purpose: the end of main ends the connection at
	// once, a main that is frozen ends this host's right to answer, and a machine under full load must not lose the
	// process that serves its terminals (T11).
	busPing = time.Second
)

// Terminal is one terminal to dial.
type Terminal struct {
	ID, URL, Key string
}

// Config describes an Interface.
type Config struct {
	Bus bus.ConnConfig // to the host's own bus
	// Traffic is the address where business processes receive requests.
	Traffic config.Traffic
	// Network leads to the terminals and authenticates them; nil is the bus's.
	Network func(id string) bus.Network
	// Wires answers main's questions about connections; nil: they are not answered.
	Wires     *wires.Wires
	Host      string
	Terminals []Terminal
	// KeyOf derives the key of a terminal that main adds later; nil: none can be added.
	KeyOf func(id string) string
	// Enrolment follows the register of terminals; the zero Follower is that of a host without certificates.
	Enrolment  enrolment.Follower
	Beat       time.Duration // interval of heartbeats; 0 is 125 ms
	TimerTries int           // failed tries after which a timer is parked; 0 is timers.MaxTries
	// Clock is the clock of the right to answer; nil is lease.BootClock.
	Clock lease.Clock
	// TraceDir gets the execution trace around the start of each term; empty: none is recorded.
	TraceDir string
	Log      *slog.Logger
}

// Interface is the process between the terminals and the host: it keeps a session with every terminal, attaches them
// when main says so, and relays requests and answers.
type Interface struct {
	config      Config
	log         *slog.Logger
	incarnation uint64
	dialer      *wire.Dialer
	relay       *relay
	roster      roster
	conns       bus.HostConns
	heart       *bus.Heart
	started     chan struct{}
	attaches    atomic.Uint32
	attaching   chan struct{} // attaches that are under way to idle terminals; see session.turn
	changes     atomic.Uint64 // rises when a session's state changes
	report      reporter
	losses      tally.Tally
	directories directories.Seen
	recorder    *flightrecorder.Recorder
	goroutines  sync.WaitGroup
	failed      chan error

	pairData    pairData
	receiptKeys atomic.Pointer[receipt.Keys] // nil: not known yet

	mu             sync.Mutex
	term           *term
	pair, identity string
	ordered        uint64 // counter of the last order to attach that was carried out
	endLeft        func() // what services have left to be done

	timers  atomic.Pointer[outbox.TimerState]
	notices atomic.Pointer[outbox.NoticeState]
}

// New returns an Interface. Nothing is dialled until Run.
func New(c Config) *Interface {
	if c.Clock == nil {
		c.Clock = lease.BootClock
	}
	if c.Beat == 0 {
		c.Beat = 125 * time.Millisecond
	}
	if c.TimerTries == 0 {
		c.TimerTries = timers.MaxTries
	}
	if c.Network == nil {
		c.Network = func(string) bus.Network { return c.Bus.Network }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	i := &Interface{
		config: c, log: c.Log, incarnation: rand.Uint64(), dialer: wire.NewDialer(c.Bus.Network, parallelDials),
		relay:   newRelay(admission.Bounds{PerTerminal: perTerminal, InAll: inAll, PerTerminalBytes: perTerminalBytes, InAllBytes: inAllBytes}, c.Clock, c.Log),
		started: make(chan struct{}), failed: make(chan error, 1), pairData: newPairData(), attaching: make(chan struct{}, attachesAtOnce),
		endLeft:  func() {},
		recorder: flightrecorder.New(flightrecorder.Config{Dir: c.TraceDir, Name: c.Host + "-" + bus.ProcessTerminalInterface, Log: c.Log}),
	}
	sessions := make([]*session, len(c.Terminals))
	for n, t := range c.Terminals {
		sessions[n] = newSession(t.ID, t.URL, t.Key, i, c.Log)
	}
	i.roster.set(sessions)
	i.timers.Store(&outbox.TimerState{})
	i.notices.Store(&outbox.NoticeState{})
	return i
}

// Run is the process "hotpair terminal-if".
func Run(ctx context.Context, c config.TerminalInterface, log *slog.Logger) error {
	return RunOn(ctx, c, log, nil, nil)
}

// RunOn is Run in another network and with another clock than the machine's; nil is the machine's.
func RunOn(ctx context.Context, c config.TerminalInterface, log *slog.Logger, network bus.Network, clock lease.Clock) error {
	terminals := make([]Terminal, len(c.Terminals))
	for n, t := range c.Terminals {
		terminals[n] = Terminal{ID: t.ID, URL: t.URL, Key: config.TerminalKey(c.PairSecret.Reveal(), t.ID)}
	}
	members := new(enrolment.Register)
	sealed, err := wires.OpenHost(c.TLS, c.Host, wires.Environment{Network: network, Data: c.Data, Withdrawals: members}, log)
	if err != nil {
		return err
	}
	keyOf := func(id string) string { return config.TerminalKey(c.PairSecret.Reveal(), id) }
	follower := enrolment.Follower{Host: c.Host, Network: network, Sweep: sealed.Sweep, Wires: sealed, Login: keyOf, Log: log}
	if sealed.Sealed() {
		follower.Register = members
		follower.Issuer = issuing.New(issuing.Config{Files: c.Authority, TLS: c.TLS, Doubt: sealed.Doubt, Log: log}).Source()
	}
	i := New(Config{
		Enrolment: follower,
		Network:   sealed.ToTerminal, Wires: sealed,
		Bus: bus.ConnConfig{
			Name: bus.ProcessTerminalInterface, URL: c.BusURL, User: c.BusUser, Password: c.BusPassword.Reveal(), Inbox: c.BusInbox,
			Network: network,
		},
		Traffic: c.Traffic,
		Clock:   clock,
		Host:    c.Host, Terminals: terminals, KeyOf: keyOf,
		Beat: bus.HeartInterval(c.Lease), TimerTries: c.TimerTries, TraceDir: c.TraceDir, Log: log,
	})
	return sealed.During(ctx, i.Run)
}

// Started is closed when orders are accepted.
func (i *Interface) Started() <-chan struct{} { return i.started }

// Dials counts TCP connections that were dialled to terminals since the start.
func (i *Interface) Dials() int64 { return i.dialer.Dials() }

// State is the state for the heartbeat.
func (i *Interface) State() bus.TerminalState { return i.report.state(i, true) }

// Run serves until ctx ends, which returns nil, or until the bus is lost, which ends the process: main's bus runs in
// main.
func (i *Interface) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer i.goroutines.Wait()
	defer cancel()
	c := i.config.Bus
	c.Once = true
	if c.Ping == 0 {
		c.Ping = busPing
	}
	c.Lost = func(err error) { i.fail(fmt.Errorf("bus: %w", errors.Join(bus.ErrDisconnected, err))) }
	c.Complaint = func(err error) { i.fail(fmt.Errorf("bus: %w", err)) }
	requests, err := traffic.ServeRequests(ctx, i.config.Traffic, traffic.Environment{Network: c.Network, Lost: c.Lost, Complaint: c.Complaint, Log: i.log})
	if err != nil {
		return err
	}
	defer requests.Close()
	conns, err := bus.ConnectHost(ctx, c)
	if err != nil {
		return err
	}
	defer conns.Close()
	i.conns = conns
	i.relay.services.conn, i.relay.services.ctx, i.relay.services.run = requests.Conn, ctx, i.goroutines.Go
	i.heart = bus.NewHeart(conns.Control, bus.ProcessTerminalInterface, i.config.Beat, func() (bool, any) { return true, i.report.state(i, false) })
	i.roster.changing.Lock() // an order may come at once
	err = i.listen(ctx)
	if err == nil {
		// Announce to main before the terminals are dialled: main's orders would otherwise wait behind all their
		// handshakes.
		err = i.announce(ctx)
	}
	if err == nil {
		i.config.Enrolment.First(ctx, conns.Traffic) // before terminals are dialled: revoked ones stay out
	}
	for _, s := range i.roster.all() {
		i.begin(ctx, s)
	}
	i.roster.changing.Unlock()
	if err != nil {
		return err
	}
	close(i.started)
	i.log.Info("terminal interface ready", "terminals", len(i.roster.all()))

	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error { return i.heart.Run(inner) })
	g.Go(func() error { return i.sweep(inner) })
	g.Go(func() error { return i.recorder.Run(inner) })
	g.Go(func() error { return i.watchSilence(inner) })
	i.follow(inner, g)
	g.Go(func() error {
		select {
		case err := <-i.failed:
			return err
		case <-inner.Done():
			return inner.Err()
		}
	})
	if err := g.Wait(); ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	return nil
}

// fail ends Run with err.
func (i *Interface) fail(err error) {
	select {
	case i.failed <- err:
	default:
	}
}

func (i *Interface) sweep(ctx context.Context) error {
	tick := time.NewTimer(pace.Next(sweepEvery))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			tick.Reset(pace.Next(sweepEvery))
			i.relay.sweep(time.Now())
			i.losses.Sweep(i.log)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// present is the term that sessions follow, or nil.
func (i *Interface) present() *term {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.term
}

// self is main's data about this host; empty until the first order to attach.
func (i *Interface) self() (pair, identity string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.pair, i.identity
}

// attachCounter orders the attaches of one host in one epoch: main's counter first, so that a new terminal-if comes
// after an old one, then this process's own.
func (i *Interface) attachCounter(t *term) uint64 {
	return t.Counter<<32 | uint64(i.attaches.Add(1))
}

// noteChange lets the heart tell at once. With many terminals the next beat is soon enough: in a takeover each of them
// changes, and each beat counts them all.
func (i *Interface) noteChange() {
	i.changes.Add(1)
	if i.heart != nil && len(i.roster.all()) <= fewTerminals/4 {
		i.heart.Now()
	}
}
