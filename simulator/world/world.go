package world

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/kv"
	"github.com/hotpair/hotpair/services/business/ledger"
	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/courier"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/terminal"
	"github.com/hotpair/hotpair/services/witness"
	"github.com/hotpair/hotpair/simulator/pair"
)

// pairSecret of every world: there is nobody to keep it from.
const pairSecret = "0123456789abcdef0123456789abcdef"

// operatorToken is that of who operates it.
const operatorToken = "the-operator-of-every-world"

// Options configures a world.
type Options struct {
	Dir       string // for all data
	Terminals int
	Lease     time.Duration
	Patience  time.Duration // with a slow standby
	History   int           // updates kept at most; 0 is the product's default
	// Services replace those with the same name: kv, ledger, tickets.
	Services map[string]business.Service
	Environ  []string     // of both hosts, beside what a world sets
	Post     courier.Dial // connects couriers to targets; nil: there are none
	// Courier keeps couriers from starting while it returns an error; may be nil.
	Courier func() error
	Log     *slog.Logger
}

// World is a pair with all its parts. It must be made, used and closed inside one bubble.
type World struct {
	options Options
	network *Network
	began   time.Time
	hosts   map[string]*Host
	clients map[string]*operator.Client // of the hosts, each on its own machine
	ctx     context.Context
	cancel  context.CancelFunc
	wait    sync.WaitGroup

	mu      sync.Mutex
	witness *service
	failed  []error
}

// New makes a world in which nothing runs.
func New(o Options) (*World, error) {
	w := &World{options: o, network: NewNetwork(), began: time.Now(), hosts: map[string]*Host{}, clients: map[string]*operator.Client{}}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	for _, name := range pair.Hosts() {
		settings, err := config.Load[config.Host](w.environ(name))
		if err != nil {
			return nil, fmt.Errorf("world: %w", err)
		}
		settings.Insecure = false // its machines are within this process
		w.hosts[name] = &Host{world: w, name: name, config: settings}
		eye := w.network.Endpoint(Address(name))
		w.clients[name] = operator.NewClient("http://127.0.0.1:" + strconv.Itoa(pair.PortHTTP)).
			WithToken(operatorToken).
			WithDial(func(ctx context.Context, _, address string) (net.Conn, error) { return eye.Dial(ctx, address) })
	}
	return w, nil
}

// Address is that of a machine.
func Address(machine string) string {
	switch machine {
	case pair.HostA:
		return "10.0.0.1"
	case pair.HostB:
		return "10.0.0.2"
	case pair.Witness:
		return "10.0.0.3"
	}
	return "10.0.1." + machine[1:]
}

func at(machine string, port int) string {
	return net.JoinHostPort(Address(machine), strconv.Itoa(port))
}

// environ is the environment of a host, as a service manager would give it.
func (w *World) environ(host string) []string {
	var terminals config.Terminals
	for i := range w.options.Terminals {
		terminals = append(terminals, config.TerminalAddress{ID: pair.TerminalID(i), URL: "nats://" + at(pair.TerminalID(i), pair.PortTerminal)})
	}
	environ := []string{
		"HOTPAIR_HOST=" + host, "HOTPAIR_DATA=" + filepath.Join(w.options.Dir, host), "HOTPAIR_BUS_PORT=" + strconv.Itoa(pair.PortBus),
		"HOTPAIR_LINK=" + at(host, pair.PortLink), "HOTPAIR_REPLICATION=" + at(host, pair.PortReplication),
		"HOTPAIR_PEER_LINK=" + at(pair.Other(host), pair.PortLink), "HOTPAIR_PEER_REPLICATION=" + at(pair.Other(host), pair.PortReplication),
		"HOTPAIR_WITNESS=" + at(pair.Witness, pair.PortWitness), "HOTPAIR_PAIR_SECRET=" + pairSecret, "HOTPAIR_TERMINALS=" + terminals.String(),
		"HOTPAIR_HTTP=127.0.0.1:" + strconv.Itoa(pair.PortHTTP), "HOTPAIR_LEASE=" + w.options.Lease.String(),
		"HOTPAIR_STANDBY_PATIENCE=" + w.options.Patience.String(), "HOTPAIR_LOG_LEVEL=debug", "HOTPAIR_INSECURE=true", "HOTPAIR_HTTP_TOKEN=" + operatorToken,
	}
	environ = append(environ, "HOTPAIR_BUSINESS="+strings.Join([]string{kv.Name, ledger.Name, tickets.Name}, ","))
	environ = append(environ, w.options.Environ...)
	if w.options.History > 0 {
		environ = append(environ, "HOTPAIR_HISTORY_MAX_UPDATES="+strconv.Itoa(w.options.History))
	}
	return environ
}

// Clock is the bubble's clock, as for leases: the time since the world was made, plus an offset that makes it no wall
// clock.
func (w *World) Clock() time.Duration { return time.Hour + time.Since(w.began) }

// Elapsed is the world's age.
func (w *World) Elapsed() time.Duration { return time.Since(w.began) }

// service is another running part: the witness or an agent.
type service struct {
	endpoint *Endpoint
	cancel   context.CancelFunc
	done     chan struct{}
}

// begin runs something on a machine until its context ends.
func (w *World) begin(machine string, run func(context.Context, *Endpoint) error) *service {
	ctx, cancel := context.WithCancel(w.ctx)
	s := &service{endpoint: w.network.Endpoint(Address(machine)), cancel: cancel, done: make(chan struct{})}
	w.wait.Go(func() {
		defer close(s.done)
		defer s.endpoint.Sever()
		if err := run(ctx, s.endpoint); err != nil && ctx.Err() == nil {
			w.fail(fmt.Errorf("%s: %w", machine, err))
		}
	})
	return s
}

// kill ends it as SIGKILL would, and waits until all of it has ended.
func (s *service) kill() {
	s.cancel()
	s.endpoint.Sever()
	<-s.done
}

// fail records a violation.
func (w *World) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = append(w.failed, err)
}

// Err returns the violations of this world.
func (w *World) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.failed...)
}

// StartWitness starts the witness, if it does not run.
func (w *World) StartWitness() {
	if w.witness != nil {
		return
	}
	w.witness = w.begin(pair.Witness, func(ctx context.Context, e *Endpoint) error {
		return witness.New(witness.Config{
			Listen: at(pair.Witness, pair.PortWitness), Data: filepath.Join(w.options.Dir, pair.Witness), Secret: pairSecret, Network: e,
			Log: w.options.Log.With("process", pair.Witness),
		}).Run(ctx)
	})
}

// KillWitness kills the witness, if it runs.
func (w *World) KillWitness() {
	if w.witness != nil {
		w.witness.kill()
		w.witness = nil
	}
}

// Start starts everything.
func (w *World) Start() {
	w.StartWitness()
	w.startAgents()
	for _, name := range pair.Hosts() {
		w.hosts[name].Start()
	}
}

// startAgents starts the terminals.
func (w *World) startAgents() {
	for i := range w.options.Terminals {
		id := pair.TerminalID(i)
		w.begin(id, func(ctx context.Context, e *Endpoint) error {
			return terminal.New(terminal.Config{
				ID: id, Listen: at(id, pair.PortTerminal), Apps: at(id, pair.PortApps), Network: e, Key: config.TerminalKey(pairSecret, id),
				Data: filepath.Join(w.options.Dir, id), Log: w.options.Log,
			}).Run(ctx)
		})
	}
}

// Host returns one of both.
func (w *World) Host(name string) *Host { return w.hosts[name] }

// settle is longer than any deadline of what the product leaves behind when it ends, such as an abandoned dial.
const settle = time.Minute

// Close ends everything, the hosts as by a power failure, and waits for it.
func (w *World) Close() {
	for _, name := range pair.Hosts() {
		w.hosts[name].Kill()
		w.hosts[name].Wait()
	}
	w.KillWitness()
	w.cancel()
	w.wait.Wait()
	time.Sleep(settle)
}
