package stand

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/terminalif/delivery"
	"github.com/hotpair/hotpair/services/traffic"
	"github.com/hotpair/hotpair/services/updater"
)

const (
	// host and epoch are those of the only term.
	hostName = "a"
	epoch    = 1
	// within bounds each step of the stand's own.
	within = 30 * time.Second
	// answerWithin bounds one call to a starting updater.
	answerWithin = 2 * time.Second
	// lease is that of hosts, by which processes beat.
	lease = time.Second
	// askAgain is the pause before a call without a listener is repeated.
	askAgain = 5 * time.Millisecond
)

// ErrStand says that the stand itself failed: it says nothing about the program.
var ErrStand = errors.New("the host of the test failed")

// Options of a stand.
type Options struct {
	Service   string   // name of the service
	Command   []string // program and arguments
	Environ   []string // of this process
	Dir       string   // empty, for the data
	Terminals []string // that notices can go to; the first one sends the requests
	Targets   []string // that emissions can go to; nothing is sent
	Ready     time.Duration
	// Closed: both servers are down until Open.
	Closed bool
}

// Stand is a host.
type Stand struct {
	options Options
	plan    *traffic.Plan // of what the program sees
	own     *traffic.Plan // of the updater's own server, which the program does not know
	bus     *broker.Server
	main    *bus.Conn
	tickets *ticket.Desk
	key     bus.TicketKey
	users   *broker.Users
	updater config.Updater
	refused refusals

	stopUpdater context.CancelFunc
	updaterEnd  chan error

	mu       sync.Mutex
	inside   *bus.Conn // to the updater, as the service
	front    *between
	requests *asker
	program  *Program
	fault    Fault
	calls    []*Call
}

// Open starts a host, with an updater that serves. The error is ErrStand.
func Open(ctx context.Context, o Options) (s *Stand, err error) {
	s = &Stand{options: o, key: ticket.NewKey(), users: broker.NewUsers()}
	s.tickets = ticket.NewDesk(s.key)
	defer func() {
		if err != nil {
			s.Close()
			s, err = nil, fmt.Errorf("%w: %w", ErrStand, err)
		}
	}()
	if err := s.openBus(ctx); err != nil {
		return s, err
	}
	if err := s.startUpdater(ctx, false); err != nil {
		return s, err
	}
	if err := s.begin(ctx); err != nil {
		return s, err
	}
	if o.Closed {
		return s, nil
	}
	return s, s.openServers(ctx)
}

// openBus is what main does first.
func (s *Stand) openBus(ctx context.Context) (err error) {
	const password = "main"
	s.users.Allow(bus.ProcessMain, broker.Grant{Password: password})
	s.users.Allow(bus.ProcessUpdater, broker.Grant{Password: password, Permissions: broker.Permissions(bus.ProcessUpdater)})
	if s.bus, err = broker.NewServer(broker.ServerConfig{Name: "check", Listen: "127.0.0.1:0", Users: s.users, Logger: s.refused.logger()}); err != nil {
		return err
	}
	if err := s.bus.Start(ctx); err != nil {
		return err
	}
	if s.plan, err = traffic.NewPlan(ctx, nil); err != nil {
		return err
	}
	s.main, err = bus.Connect(ctx, bus.ConnConfig{
		Name: bus.ProcessMain, URL: s.bus.URL(), User: bus.ProcessMain, Password: password, Inbox: bus.InboxPrefix(bus.ProcessMain),
	})
	if err != nil {
		return err
	}
	if s.own, err = traffic.NewPlan(ctx, nil); err != nil {
		return err
	}
	s.updater = config.Updater{
		Bus: config.Bus{
			BusURL: s.bus.URL(), BusUser: bus.ProcessUpdater, BusPassword: password, BusInbox: bus.InboxPrefix(bus.ProcessUpdater),
		},
		Traffic: s.own.Database(), Name: config.Name{Host: hostName}, Storage: config.Storage{Data: s.options.Dir},
		Replication: "127.0.0.1:0", PeerReplication: "127.0.0.1:1", PairSecret: "of a pair of one host that lives for a moment",
		Pace: config.Pace{Lease: lease}, Patience: config.Patience{StandbyPatience: time.Second, RefusedIsDead: true},
		Bounds: config.Bounds{
			HistoryMaxUpdates: 1_000_000, HistoryMaxAge: time.Hour, HistoryMaxBytes: 1 << 30, Retention: time.Hour, JournalMaxBytes: 64 << 20, EventsMax: 100,
		},
	}
	return nil
}

// startUpdater starts the updater in this process and lets it serve, or continue.
func (s *Stand) startUpdater(ctx context.Context, again bool) error {
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- updater.Run(run, s.updater, slog.New(slog.DiscardHandler)) }()
	s.stopUpdater, s.updaterEnd = stop, ended
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		// One that has just ended may have had the question, and gives no answer: it is asked again.
		try, tried := context.WithTimeout(ctx, answerWithin)
		_, err := bus.CallFacts.Ask(try, s.main, bus.FactsRequest{})
		tried()
		if err == nil {
			break
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("the updater ended: %w", err)
		default:
		}
		if !errors.Is(err, bus.ErrNobody) && !errors.Is(err, context.DeadlineExceeded) || pace.Rest(ctx, askAgain) != nil {
			return fmt.Errorf("the updater does not answer: %w", err)
		}
	}
	if !again {
		if _, err := bus.CallPrepare.Ask(ctx, s.main, bus.Prepare{Epoch: epoch}); err != nil {
			return fmt.Errorf("the updater does not get ready: %w", err)
		}
	}
	if _, err := bus.CallServe.Ask(ctx, s.main, bus.Serve{Epoch: epoch, RecordVersion: epoch, Resume: again, TicketKey: s.key}); err != nil {
		return fmt.Errorf("the updater does not serve: %w", err)
	}
	return s.openInside(ctx)
}

// openInside connects to the updater's own server, as the service.
func (s *Stand) openInside(ctx context.Context) error {
	process := bus.ProcessBusiness + "." + s.options.Service
	inside, err := bus.Connect(ctx, bus.ConnConfig{
		Name: process, URL: "nats://" + s.updater.TrafficListen, User: process, Password: traffic.Password(s.updater.TrafficKey, process),
		Inbox: bus.InboxPrefix(process), Once: true,
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside = inside
	return nil
}

// begin adds terminals and targets.
func (s *Stand) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if _, err := delivery.CallRoster.Ask(ctx, s.main, delivery.Roster{Epoch: epoch, IDs: s.options.Terminals}); err != nil {
		return fmt.Errorf("the terminals: %w", err)
	}
	for _, name := range s.options.Targets {
		set := waybill.SetTarget{Name: name, New: true, URL: "http://127.0.0.1:1/", Secret: "nothing is sent to it"}
		if _, err := waybill.CallSet.Ask(ctx, s.main, set); err != nil {
			return fmt.Errorf("the target %s: %w", name, err)
		}
	}
	return nil
}

// endUpdater ends it in order.
func (s *Stand) endUpdater() error {
	if s.stopUpdater == nil {
		return nil
	}
	s.mu.Lock()
	inside := s.inside
	s.mu.Unlock()
	if inside != nil {
		inside.Close()
	}
	s.stopUpdater()
	s.stopUpdater = nil
	select {
	case err := <-s.updaterEnd:
		return err
	case <-time.After(within):
		return errors.New("the updater does not end")
	}
}

func (s *Stand) openServers(ctx context.Context) error {
	if err := s.OpenDatabase(ctx); err != nil {
		return err
	}
	return s.OpenRequests(ctx)
}

// OpenDatabase starts the server for calls, again after CutDatabase.
func (s *Stand) OpenDatabase(ctx context.Context) error {
	front, err := openBetween(ctx, s)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStand, err)
	}
	s.mu.Lock()
	s.front = front
	s.mu.Unlock()
	return nil
}

// CutDatabase stops it. Calls in progress get no answer.
func (s *Stand) CutDatabase() {
	s.mu.Lock()
	front := s.front
	s.front = nil
	s.mu.Unlock()
	if front != nil {
		front.close()
	}
}

// OpenRequests starts the server of requests, again after CutRequests.
func (s *Stand) OpenRequests(ctx context.Context) error {
	requests, err := openAsker(ctx, s)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStand, err)
	}
	s.mu.Lock()
	s.requests = requests
	s.mu.Unlock()
	return nil
}

// CutRequests stops it.
func (s *Stand) CutRequests() {
	s.mu.Lock()
	requests := s.requests
	s.requests = nil
	s.mu.Unlock()
	if requests != nil {
		requests.close()
	}
}

// RestartUpdater restarts the updater with its server. Its committed data stay.
func (s *Stand) RestartUpdater(ctx context.Context) error {
	s.CutDatabase()
	err := s.endUpdater()
	if err == nil {
		err = s.startUpdater(ctx, true)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStand, err)
	}
	return s.OpenDatabase(ctx)
}

// Close ends the program and the host.
func (s *Stand) Close() {
	if p := s.Program(); p != nil {
		p.Kill()
	}
	s.CutRequests()
	s.CutDatabase()
	_ = s.endUpdater() // the results are out, and the files are removed
	if s.main != nil {
		s.main.Close()
	}
	if s.bus != nil {
		s.bus.Stop()
	}
	for _, p := range []*traffic.Plan{s.plan, s.own} {
		if p != nil {
			_ = p.Release() // the ports are needed no more
		}
	}
}

// Refusals are the forbidden actions that the program tried: subjects that the servers refused, each once.
func (s *Stand) Refusals() []string { return s.refused.list() }
