package lab

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/pair"
)

// operatorToken is the operator's token of a lab's pair: nobody else reaches it.
const operatorToken = "the-operator-of-every-lab"

// Options of a lab.
type Options struct {
	Binary    string           // hotpair
	Dir       string           // data and logs; must exist
	Terminals int              // default 3
	Lease     time.Duration    // HOTPAIR_LEASE, default 1 s
	Patience  time.Duration    // HOTPAIR_STANDBY_PATIENCE, default 2 s
	History   int              // HOTPAIR_HISTORY_MAX_UPDATES, default as shipped; with few, returning hosts need a snapshot
	Disks     map[string]*Disk // of hosts whose data is on a disk that can be made faulty
	Log       io.Writer        // one line per action; nil: no log
	HTTPS     bool             // operators use HTTPS at the address of a host, otherwise plain HTTP at its loopback
	Plain     bool             // without certificates, all connections in plain text
	Issued    time.Duration    // age of the certificates by the clocks; below 0 they are not valid yet
	Elsewhere bool             // certificates come from elsewhere: no host issues or renews any
}

// Lab is a pair of hosts with witness and terminals, each in its own network namespace. Its methods may be called at
// any time and in any state: killing a dead process, thawing a running one and joining an uncut wire do nothing.
type Lab struct {
	options Options
	network *network
	trees   map[string]*tree            // by node
	clients map[string]*operator.Client // of the hosts, calling from within their namespaces
	tls     map[string]config.TLS       // credentials of each node
	began   time.Time

	mu sync.Mutex // of Log

	clocks struct {
		mu      sync.Mutex
		of      map[string]*moved // by node
		failed  error
		stop    context.CancelFunc
		keeping sync.WaitGroup
	}
}

// Start makes the network and starts everything. It does not wait for service, see Heal. Errors: ErrUnavailable.
func Start(ctx context.Context, o Options) (*Lab, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	if o.Terminals == 0 {
		o.Terminals = 3
	}
	if o.Lease == 0 {
		o.Lease = time.Second
	}
	if o.Patience == 0 {
		o.Patience = 2 * time.Second
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	n, err := newNetwork(o.Terminals)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	l := &Lab{options: o, network: n, trees: map[string]*tree{}, clients: map[string]*operator.Client{}, began: time.Now()}
	if err := l.plan(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	for _, name := range l.names() {
		if err := l.trees[name].start(); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

// names are all process trees, in the order in which they are started.
func (l *Lab) names() []string {
	names := []string{pair.Witness}
	for i := range l.options.Terminals {
		names = append(names, pair.TerminalID(i))
	}
	return append(names, pair.HostA, pair.HostB)
}

// plan says how each tree is started.
func (l *Lab) plan() error {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return fmt.Errorf("pair secret: %w", err)
	}
	secret := hex.EncodeToString(random)
	environ := append(config.Passed(os.Environ()), "HOTPAIR_BUSINESS=kv,ledger,tickets", "HOTPAIR_LEASE="+l.options.Lease.String(), "HOTPAIR_STANDBY_PATIENCE="+l.options.Patience.String())
	if l.options.History > 0 {
		environ = append(environ, "HOTPAIR_HISTORY_MAX_UPDATES="+strconv.Itoa(l.options.History))
	}
	settings, err := config.Load[config.Cluster](environ)
	if err != nil {
		return err
	}
	if l.tls, err = l.certificates(); err != nil {
		return err
	}
	tls := l.tls
	if l.options.Plain {
		tls = map[string]config.TLS{}
		for _, node := range l.names() {
			tls[node] = config.TLS{Insecure: true}
		}
	}
	key, log := config.PairKey{PairSecret: config.Secret(secret)}, settings.Log
	at := func(node string, port int) string { return l.network.addresses[node] + ":" + strconv.Itoa(port) }
	everywhere := func(port int) string { return ":" + strconv.Itoa(port) }
	var terminals config.Terminals
	for i := range l.options.Terminals {
		id := pair.TerminalID(i)
		terminals = append(terminals, config.TerminalAddress{ID: id, URL: "nats://" + at(id, pair.PortTerminal)})
		l.add(id, "terminal", func(data string) []string {
			return config.ForTerminal(os.Environ(), config.Terminal{
				TerminalID: id, TerminalListen: everywhere(pair.PortTerminal), TerminalApps: net.JoinHostPort("127.0.0.1", strconv.Itoa(pair.PortApps)),
				Applications:     config.Applications{TerminalHTTP: net.JoinHostPort("127.0.0.1", strconv.Itoa(pair.PortPrograms))},
				TerminalKey:      config.Secret(config.TerminalKey(secret, id)),
				TLS:              tls[id],
				TerminalDeadline: 30 * time.Second, TerminalDeadlineMax: 5 * time.Minute,
				Queue:   config.Queue{TerminalQueueEntries: 10_000, TerminalQueueBytes: 256 << 20, TerminalQueueAge: time.Hour, TerminalQueueKept: 10_000, TerminalQueueKeptBytes: 64 << 20},
				Storage: config.Storage{Data: data}, Log: log,
			})
		})
	}
	l.add(pair.Witness, "witness", func(data string) []string {
		return config.ForWitness(os.Environ(), config.Witness{WitnessListen: everywhere(pair.PortWitness), Storage: config.Storage{Data: data}, PairKey: key, TLS: tls[pair.Witness], Log: log})
	})
	for _, name := range pair.Hosts() {
		console := config.Console{HTTP: "127.0.0.1:" + strconv.Itoa(pair.PortHTTP), HTTPToken: operatorToken}
		l.clients[name] = operator.NewClient("http://" + console.HTTP).WithToken(operatorToken).WithDial(l.network.spaces[name].DialContext)
		if l.options.HTTPS {
			var roots *x509.CertPool
			console.HTTP = at(name, pair.PortHTTP)
			if console.HTTPTlsCert, console.HTTPTlsKey, roots, err = l.consoleCertificate(name); err != nil {
				return err
			}
			l.clients[name] = operator.NewClient("https://" + console.HTTP).WithRoots(roots).WithToken(operatorToken).WithDial(l.network.spaces[name].DialContext)
		}
		l.add(name, "supervisor", func(data string) []string {
			return config.ForHost(os.Environ(), config.Host{
				Name: config.Name{Host: name}, Storage: config.Storage{Data: data}, BusPort: pair.PortBus,
				Link: at(name, pair.PortLink), Replication: at(name, pair.PortReplication),
				PeerLink: at(pair.Other(name), pair.PortLink), PeerReplication: at(pair.Other(name), pair.PortReplication),
				Witness: at(pair.Witness, pair.PortWitness), PairKey: key, TLS: tls[name], Authority: l.issues(tls[name]), Terminals: terminals, Work: settings.Work,
				Console: console, Pace: settings.Pace, Patience: settings.Patience, Bounds: settings.Bounds, Deferral: settings.Deferral, Hooks: settings.Hooks, Log: log,
			})
		})
	}
	for _, name := range l.names() {
		if err := os.MkdirAll(l.Data(name), 0o700); err != nil {
			return fmt.Errorf("directory of %s: %w", name, err)
		}
	}
	return nil
}

func (l *Lab) add(name, command string, environ func(data string) []string) {
	l.trees[name] = &tree{
		name: name, space: l.network.spaces[name], argv: []string{l.options.Binary, command},
		environ: environ(l.Data(name)), log: filepath.Join(l.options.Dir, name+".log"),
	}
}

// Data is the data directory of a host, the witness or a terminal.
func (l *Lab) Data(name string) string {
	if d := l.options.Disks[name]; d != nil {
		return d.Path()
	}
	return filepath.Join(l.options.Dir, name)
}

// Close kills everything that still runs and removes the network.
func (l *Lab) Close() error {
	failed := []error{l.endClocks()}
	for _, t := range l.trees {
		failed = append(failed, t.kill(context.Background()))
	}
	return errors.Join(append(failed, l.network.close())...)
}

// say writes a line to the log.
func (l *Lab) say(format string, a ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// A failed log write is ignored.
	_, _ = fmt.Fprintf(l.options.Log, "%8.3f %s\n", time.Since(l.began).Seconds(), fmt.Sprintf(format, a...))
}

// Run starts a host, the witness or a terminal, unless it runs.
func (l *Lab) Run(name string) error { return l.trees[name].start() }

// Kill kills all processes of hosts, the witness or terminals at once, and returns when they have ended.
func (l *Lab) Kill(ctx context.Context, names ...string) error {
	groups := map[string]int{}
	var failed []error
	for _, name := range names {
		groups[name] = l.trees[name].group()
		failed = append(failed, l.trees[name].signal(syscall.SIGKILL))
	}
	for name, pgid := range groups {
		if pgid != 0 {
			failed = append(failed, l.trees[name].gone(ctx, pgid))
		}
	}
	return errors.Join(failed...)
}

// Stop asks a tree to end, as an operator does, and returns when it has ended.
func (l *Lab) Stop(ctx context.Context, name string) error {
	return l.trees[name].stop(ctx, goneWithin)
}

// Freeze stops all processes of a tree (SIGSTOP), Thaw continues them.
func (l *Lab) Freeze(name string) error { return l.trees[name].signal(syscall.SIGSTOP) }

// Thaw continues what Freeze stopped.
func (l *Lab) Thaw(name string) error { return l.trees[name].signal(syscall.SIGCONT) }

// Process sends a signal to one process of a host: main, updater, terminal-if, business.kv, …
func (l *Lab) Process(host, name string, signal syscall.Signal) error {
	return l.trees[host].signalOne(name, signal)
}

// Processes names the living processes of a tree.
func (l *Lab) Processes(name string) []string {
	members, err := l.trees[name].members()
	if err != nil {
		return nil
	}
	var names []string
	for _, m := range members {
		names = append(names, m.name)
	}
	return names
}

// Cut cuts the wire between two nodes, as seen from the first.
func (l *Lab) Cut(from, to string, how Cut) error { return l.network.cut(from, to, how) }

// Wires are all wires of the lab.
func (l *Lab) Wires() []Wire { return slices.Clone(l.network.wires) }

// Join repairs a wire, however it was cut.
func (l *Lab) Join(w Wire) error { return l.network.join(w) }
