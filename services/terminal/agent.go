package terminal

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/terminal/fence"
	"github.com/hotpair/hotpair/services/terminal/figures"
	"github.com/hotpair/hotpair/services/terminal/inbox"
	"github.com/hotpair/hotpair/services/terminal/queue"
	"github.com/hotpair/hotpair/services/terminal/receipts"
	"github.com/hotpair/hotpair/services/terminal/web"
)

const (
	// counterBlock is the number of counters made durable at once; a block that lasts a second is large enough.
	counterBlock = 1 << 14
	// hostConnections bounds the connections from elsewhere: two hosts, some of their older sessions, operators'
	// probes.
	hostConnections = 256
	// appConnections and appSubscriptions bound the applications of this machine. maxPending is what the server holds for a
	// connection that does not read, in bytes; far more than flood lets the agent's own come to, which all applications' messages
	// go to, and room for many large answers of hosts: without its own connection to those the agent ends.
	appConnections   = 256
	appSubscriptions = 4096
	maxPending       = 1 << 30
	// answerPayload bounds one answer to an application, in bytes: the largest of a service, its headers, and some room.
	answerPayload = 5 << 20
	// housekeeping is the interval of pings inside one process, where no connection is lost unnoticed.
	housekeeping = time.Minute
	// hostSilence: a host that was silent for this long is pinged, and counts as gone after two more. Hellos of up to
	// 500 terminals come sooner.
	hostSilence = 10 * time.Second
	// startWithin bounds the first exchange with the agent's own server.
	startWithin = 10 * time.Second
)

// Config describes an Agent.
type Config struct {
	ID     string // of the terminal, as in the hosts' list of terminals
	Listen string // host:port for hosts; port 0 takes a free one
	Apps   string // host:port for applications of this machine; port 0 takes a free one
	// Network that Listen and Apps are of; nil is TCP.
	Network bus.Network
	// Hosts is the network of Listen with authentication of the hosts; nil is Network.
	Hosts bus.Network
	// Renewal receives the next certificate from hosts; nil: certificates are replaced by other means.
	Renewal Renewal
	Key     string // the hosts' password: config.TerminalKey of the pair secret and ID
	Data    string // directory of this agent alone
	// Disk keeps the durable facts in place of a file in Data, when many agents run in one process. A directory that
	// already has the file keeps using it. May be nil.
	Disk *Disk
	// PairID is set by an operator: the only pair that is accepted. If it differs from the pair that the directory
	// belongs to, the agent forgets the former pair's epoch and serves this one. If empty, the directory belongs to
	// the first pair that attaches.
	PairID string
	// Deadline of a request without its own, and the longest allowed; 0 is 30 s and 5 min.
	Deadline, MaxDeadline time.Duration
	// Bound and BoundBytes limit the requests that wait for an answer; 0 is 1024 and 64 MiB. Further requests are
	// answered with 429.
	Bound      int
	BoundBytes int
	// Queue bounds the queued requests and the stored outcomes; a 0 field has its default.
	Queue queue.Bounds
	// HTTP configures the server for HTTP applications. Without an address there is none; its fields Network, Agent,
	// Queue and Log are set by the agent.
	HTTP web.Config
	// Token is required of applications, over NATS and HTTP; "" requires none.
	Token string
	Log   *slog.Logger
}

// Agent is the agent of one terminal. Many may run in one process.
type Agent struct {
	config   Config
	log      *slog.Logger
	receipts *receipts.Receipts
	counters *counters
	table    *table
	pace     Pace

	catalogue catalogue
	started   chan struct{}

	store  *store
	inbox  *inbox.Box
	queue  *queue.Queue
	fence  *fence.Fence
	doors  doors
	hosts  *bus.Conn // where hosts are
	apps   *bus.Conn // where applications are
	failed chan error
	flood  flood
	unread unread
	came   web.Results
	web    *web.Server   // nil: there is none
	bell   bell          // rings when there is news for applications
	lost   atomic.Uint64 // own connections that were lost

	answers  figures.Codes // that applications were given
	outcomes figures.Codes // of what was queued

	dropped atomic.Uint64 // dropped messages without a valid reply subject
	refused atomic.Uint64 // batches of notices

	numbering sync.Mutex // one request at a time gets its number; taken before the table's lock
	attaching sync.Mutex // one attach or detach at a time; taken before the table's lock
	ended     endedConnections
	looks     errgroup.Group // whether a host is attached
	renewing  errgroup.Group // of the certificate
}

// New returns an agent. Nothing is opened until Run.
func New(c Config) *Agent {
	if c.Deadline == 0 {
		c.Deadline = 30 * time.Second
	}
	if c.MaxDeadline == 0 {
		c.MaxDeadline = 5 * time.Minute
	}
	if c.Bound == 0 {
		c.Bound = 1024
	}
	if c.BoundBytes == 0 {
		c.BoundBytes = 64 << 20
	}
	if c.Hosts == nil {
		c.Hosts = c.Network
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	a := &Agent{
		config: c, log: c.Log.With("terminal", c.ID),
		receipts: receipts.New(), started: make(chan struct{}), failed: make(chan error, 1),
	}
	a.table = newTable(c.Bound, c.BoundBytes)
	a.table.standing.Since = time.Now()
	a.table.standing.Measured = a.bell.ring
	if c.HTTP.Listen != "" {
		c.HTTP.Network, c.HTTP.Agent, c.HTTP.Queue, c.HTTP.Token, c.HTTP.Log = c.Network, behind{a}, behind{a}, c.Token, a.log
		a.web = web.New(c.HTTP)
	}
	a.looks.SetLimit(maxLooks)
	a.renewing.SetLimit(renewals)
	return a
}

// Started is closed when the agent accepts connections; URL is valid from then on.
func (a *Agent) Started() <-chan struct{} { return a.started }

// URL is the address that hosts dial.
func (a *Agent) URL() string { return a.doors.hosts.URL() }

// Address is URL without its scheme, as host:port.
func (a *Agent) Address() string { return a.doors.hosts.Address() }

// AppURL is the NATS address for applications of this machine.
func (a *Agent) AppURL() string { return a.doors.apps.URL() }

// HTTP returns the server for HTTP applications, nil if there is none.
func (a *Agent) HTTP() *web.Server { return a.web }

// Waiting counts the requests without an answer.
func (a *Agent) Waiting() int { return a.table.count() }

// Epoch returns the highest accepted epoch and its host. Valid once started.
func (a *Agent) Epoch() (uint64, string) {
	f := a.store.get()
	return f.Epoch, f.Host
}

// Run serves until ctx ends, which returns nil, or until a fault: ErrDamaged, ErrInUse, bus.ErrListen at the start,
// web.ErrFiles soon after, ErrDisk and receipts.ErrDisk later. It may be called once.
func (a *Agent) Run(ctx context.Context) (err error) {
	closes, err := a.openFacts()
	defer func() { err = errors.Join(err, closes()) }()
	if err != nil {
		return err
	}
	if err := a.adoptPair(); err != nil {
		return err
	}
	if err := a.receipts.Load(a.config.Data); err != nil {
		a.log.Warn("the receipts written before the restart are lost", "error", err)
	}
	a.counters = newCounters(a.store)
	if err := a.open(ctx); err != nil {
		return err
	}
	defer func() { _ = errors.Join(a.looks.Wait(), a.renewing.Wait()) }() // which fail in no way
	defer a.doors.stop()
	defer a.table.stop()

	g, inner := errgroup.WithContext(ctx)
	end, err := a.serve(inner)
	defer end()
	if err != nil {
		return err
	}
	close(a.started)
	a.log.Info("terminal agent ready", "hosts", a.URL(), "applications", a.AppURL(), "epoch", a.store.get().Epoch)
	g.Go(func() error { return a.counters.run(inner) })
	g.Go(func() error { return a.receipts.Run(inner, a.config.Data, a.log) })
	g.Go(func() error { return errors.Join(a.queue.Run(inner), inner.Err()) })
	g.Go(func() error { return a.fence.Run(inner) })
	if a.web != nil {
		g.Go(func() error { return errors.Join(a.web.Run(inner), inner.Err()) })
	}
	g.Go(func() error {
		select {
		case err := <-a.failed:
			return err
		case <-inner.Done():
			return inner.Err()
		}
	})
	err = g.Wait()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// openFacts opens the durable state; closes must be called whatever the error.
func (a *Agent) openFacts() (closes func() error, err error) {
	closes = func() error { return nil }
	shared := a.config.Disk != nil && !hasStore(a.config.Data)
	if shared {
		if err = durable.MakeDir(a.config.Data); err == nil { // for the receipts
			a.store, err = a.config.Disk.open(a.config.ID)
		}
	} else {
		a.store, err = openStore(a.config.Data)
	}
	if err != nil {
		return closes, err
	}
	closes = a.store.close
	var file *inbox.File
	if shared {
		file = a.config.Disk.notices
	} else if file, err = inbox.Open(a.config.Data); err != nil {
		return closes, err
	} else {
		closes = func() error { return errors.Join(file.Close(), a.store.close()) }
	}
	if why := file.Quarantined(); why != nil {
		a.log.Error("the file of notices is unreadable and quarantined; the pair sends again the notices that it still keeps",
			"quarantined", inbox.QuarantinedName, "error", why)
	}
	a.inbox = file.Box(a.config.ID, a.store.get().Told)
	kept, err := a.openQueue()
	if err != nil {
		return closes, err
	}
	before := closes
	closes = func() error { return errors.Join(kept.Close(), before()) }
	fence, err := a.openFence()
	if err != nil {
		return closes, err
	}
	return func() error { return errors.Join(fence.Close(), kept.Close(), before()) }, nil
}

// fail ends Run with err.
func (a *Agent) fail(err error) {
	select {
	case a.failed <- err:
	default:
	}
}

// adoptPair carries out the operator's setting of the pair.
func (a *Agent) adoptPair() error {
	wanted, known := a.config.PairID, a.store.get()
	if wanted == "" || wanted == known.PairID {
		return nil
	}
	if known.PairID != "" {
		a.log.Warn("moved to another pair by its operator", "from", known.PairID, "to", wanted, "epoch", known.Epoch)
	}
	return a.store.update(func(f *facts) {
		*f = facts{PairID: wanted, Directory: f.Directory, Counter: f.Counter, Told: f.Told, Queued: f.Queued, Terminal: f.Terminal}
	})
}
