package businesstest

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/batch"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/traffic"
)

// Password of main on a Host's bus.
const Password = "secret"

// Patience bounds every wait of a test.
const Patience = 20 * time.Second

// TB is the part of testing.TB that a Host needs.
type TB interface {
	Helper()
	Cleanup(func())
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Host is a host's bus and its two traffic servers, with the real permissions, and a database in place of the updater.
type Host struct {
	TB       TB
	Server   *broker.Server
	Database *Database
	Main     *bus.Conn
	Asker    *bus.Conn // main's, where requests go
	Relay    *bus.Conn // terminal-if

	// Log of the business processes that Run starts; nil discards it.
	Log *slog.Logger
	// Network of the business processes that Run starts; nil is TCP.
	Network bus.Network

	plan     *traffic.Plan
	requests *traffic.Server
	updater  *traffic.Server // nil while it is down
	users    *broker.Users
	callers  map[string]*Caller
}

// NewHost starts a host; it ends with the test. setup may change the database before it serves.
func NewHost(tb TB, setup ...func(*Database)) *Host {
	tb.Helper()
	users := broker.NewUsers()
	users.Allow(bus.ProcessMain, broker.Grant{Password: Password})
	server, err := broker.NewServer(broker.ServerConfig{Name: "host", Listen: "127.0.0.1:0", Users: users})
	must(tb, err)
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	must(tb, server.Start(ctx))
	tb.Cleanup(server.Stop)
	h := &Host{TB: tb, Server: server, users: users, Database: NewDatabase(), callers: map[string]*Caller{}}
	tb.Cleanup(h.Database.Close)
	for _, f := range setup {
		f(h.Database)
	}
	h.plan, err = traffic.NewPlan(ctx, nil)
	must(tb, err)
	tb.Cleanup(func() { must(tb, h.plan.Release()) })
	h.requests, err = traffic.ServeRequests(ctx, h.plan.Requests(), h.environment())
	must(tb, err)
	tb.Cleanup(h.requests.Close)
	h.Relay = h.requests.Conn
	h.UpdaterUp()
	tb.Cleanup(h.UpdaterDown)
	h.Main = h.connect(bus.ProcessMain, server.URL(), Password)
	h.Asker = h.Connect(bus.ProcessMain, h.plan.Routes().RequestsURL)
	return h
}

// environment fails the test when a server refuses its own process something.
func (h *Host) environment() traffic.Environment {
	return traffic.Environment{Complaint: func(err error) { h.TB.Errorf("traffic: %v", err) }}
}

// Connect opens a connection to a traffic server as a process of the host. A refusal fails the test.
func (h *Host) Connect(process, url string) *bus.Conn {
	h.TB.Helper()
	return h.connect(process, url, h.plan.Password(process))
}

func (h *Host) connect(process, url, password string) *bus.Conn {
	h.TB.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	conn, err := bus.Connect(ctx, bus.ConnConfig{
		Name: process, URL: url, User: process, Password: password, Inbox: bus.InboxPrefix(process),
		Complaint: func(err error) { h.TB.Errorf("%s: %v", process, err) },
	})
	must(h.TB, err)
	h.TB.Cleanup(conn.Close)
	return conn
}

// Kick closes the connection of a process to main and refuses new ones, as if main was gone.
func (h *Host) Kick(process string) { h.users.Revoke(process) }

// EndRequests ends the server of requests, as if terminal-if was gone.
func (h *Host) EndRequests() { h.requests.Close() }

// Environment is the environment that main gives to a business process.
func (h *Host) Environment(service string) config.Business {
	process := bus.ProcessBusiness + "." + service
	password := h.plan.Password(process)
	h.users.Allow(process, broker.Grant{Password: password, Permissions: broker.Permissions(process)})
	return config.Business{
		Bus: config.Bus{
			BusURL: h.Server.URL(), BusUser: process, BusPassword: config.Secret(password), BusInbox: bus.InboxPrefix(process),
		},
		Routes: h.plan.Routes(),
		Pace:   config.Pace{Lease: time.Second},
	}
}

// Process is a business process under test.
type Process struct {
	cancel context.CancelFunc
	ended  chan struct{}
	err    error
}

// Stop asks the process to end and returns the result of Run.
func (p *Process) Stop() error {
	p.cancel()
	return p.Wait()
}

// Wait waits for the result of Run.
func (p *Process) Wait() error {
	<-p.ended
	return p.err
}

// Run starts a service and returns when its heartbeat says that it is ready. It ends with the test.
func (h *Host) Run(service business.Service) *Process {
	h.TB.Helper()
	log := h.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ready := make(chan struct{}, 1)
	beats, err := h.Main.Subscribe(bus.HeartbeatSubject(bus.ProcessBusiness+"."+service.Name), func(m *nats.Msg) {
		var beat bus.Heartbeat
		if bus.DecodeJSON(m.Data, &beat) == nil && beat.Ready {
			select {
			case ready <- struct{}{}:
			default:
			}
		}
	})
	must(h.TB, err)
	must(h.TB, h.Main.Flush())
	ctx, cancel := context.WithCancel(context.Background())
	p := &Process{cancel: cancel, ended: make(chan struct{})}
	cfg := h.Environment(service.Name)
	go func() {
		defer close(p.ended)
		p.err = business.RunOn(ctx, cfg, service, log, h.Network)
	}()
	h.TB.Cleanup(func() { _ = p.Stop() })
	select {
	case <-ready:
	case <-p.ended:
		h.TB.Fatalf("%s ended: %v", service.Name, p.err)
	case <-time.After(Patience):
		h.TB.Fatalf("%s is not ready", service.Name)
	}
	must(h.TB, beats.Unsubscribe())
	return p
}

// Request is a request without an id, as from an operator, of epoch 1.
func Request(service, operation, body string) bus.Request {
	return bus.Request{Service: service, Operation: operation, Body: []byte(body), Epoch: 1, Attempt: 1}
}

// Numbered is a request of terminal "t1" with a counter.
func Numbered(counter uint64, service, operation, body string) bus.Request {
	q := Request(service, operation, body)
	q.ID = bus.RequestID{Terminal: "t1", Counter: counter}
	return q
}

// TicketKey is the key that main would give to terminal-if and updater.
func TicketKey() bus.TicketKey { return bus.TicketKey("the key of a test of 32 bytes ...") }

func tickets() *ticket.Desk { return ticket.NewDesk(TicketKey()) }

// Ticket is the ticket that terminal-if adds to a request, "" for one without an id.
func Ticket(q bus.Request) string {
	if q.ID == (bus.RequestID{}) {
		return ""
	}
	return tickets().Issue(ticket.Ticket{
		Epoch: q.Epoch, Service: q.Service, ID: q.ID, Floor: q.Oldest, Digest: ticket.DigestOf(q.Service, q.Operation, q.Body),
	})
}

// Caller is terminal-if's route to a service, with its tickets.
type Caller struct {
	*batch.Caller[bus.Request, bus.Reply]
}

// Call sends one request and waits for its reply.
func (c *Caller) Call(ctx context.Context, q bus.Request) (bus.Reply, error) {
	q.Ticket = Ticket(q)
	return c.Caller.Call(ctx, q)
}

// Go sends one request without waiting for its reply.
func (c *Caller) Go(q bus.Request, done func(bus.Reply, error)) {
	q.Ticket = Ticket(q)
	c.Caller.Go(q, done)
}

// Caller returns the route that terminal-if uses: batches.
func (h *Host) Caller(service string) *Caller {
	h.TB.Helper()
	if c := h.callers[service]; c != nil {
		return c
	}
	c, err := batch.NewCaller[bus.Request, bus.Reply](batch.CallerConfig[bus.Request]{
		Conn: h.Relay, Subject: bus.BatchSubject(service), ReplyPrefix: bus.AnswersPrefix(service),
		Size: func(q bus.Request) int { return len(q.Body) + 64 },
	})
	must(h.TB, err)
	must(h.TB, h.Relay.Flush())
	h.callers[service] = &Caller{c}
	return h.callers[service]
}

// Call sends one request through Caller. Safe for concurrent use only after a first call of Caller.
func (h *Host) Call(q bus.Request) bus.Reply {
	h.TB.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	reply, err := h.Caller(q.Service).Call(ctx, q)
	if err != nil {
		h.TB.Errorf("%s.%s: %v", q.Service, q.Operation, err)
	}
	return reply
}

// UpdaterDown ends the updater and its server.
func (h *Host) UpdaterDown() {
	h.TB.Helper()
	if h.updater != nil {
		h.Database.Leave()
		h.updater.Close()
		h.updater = nil
	}
}

// UpdaterUp starts it again, with its data.
func (h *Host) UpdaterUp() {
	h.TB.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	var err error
	h.updater, err = traffic.ServeDatabase(ctx, h.plan.Database(), h.environment())
	must(h.TB, err)
	must(h.TB, h.Database.Serve(h.updater.Conn))
}

// Await returns when a condition is true; it fails the test after Patience.
func Await(tb TB, what string, holds func() bool) {
	tb.Helper()
	deadline := time.Now().Add(Patience)
	for !holds() {
		if time.Now().After(deadline) {
			tb.Fatalf("still waiting for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func must(tb TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
