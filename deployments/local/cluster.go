package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/deployments/founding"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/durable"
)

const (
	// HostA and HostB are the names of the hosts, Witness that of the witness, in orders and in cluster.json.
	HostA, HostB, Witness = "a", "b", "witness"

	terminals = "terminals"
	load      = "load"

	// stopPatience is how long a process may take after SIGTERM: a planned switchover has deadlines of some seconds.
	stopPatience = 30 * time.Second
	// loadPatience is longer: at its end the load reads everything back.
	loadPatience = 2 * time.Minute
)

var (
	// ErrOption says that an option has an invalid value.
	ErrOption = errors.New("wrong option")
	// ErrEnded says that a process ended before the pair was ready.
	ErrEnded = errors.New("ended before the pair was ready")
	// ErrVerdict says that the load found an acknowledged update missing, doubled, or the ledger wrong.
	ErrVerdict = errors.New("the load found errors or did not finish")
)

// Options of a cluster.
type Options struct {
	Dir       string // data; "" for a new temporary directory, removed at the end
	Port      int    // first of all ports; 0 picks free ones
	Terminals int    // 1 to MaxTerminals
	Each      int    // terminals per process; 0 for PartSize
	// TerminalsFile lists terminals that run elsewhere, like HOTPAIR_TERMINALS_FILE; the cluster then starts none,
	// and Terminals is ignored. Empty: the cluster runs its own.
	TerminalsFile string
	Plain         bool      // no TLS between the parts, for comparison; also if the terminals run elsewhere without certificates
	Silent        bool      // the terminals do not serve HTTP
	Files         string    // of a kiosk, which the terminals serve over HTTP; "": a built-in page
	Load          string    // load of the terminals, one of Loads; "": none
	Services      []string  // built-in ones in addition to those of HOTPAIR_BUSINESS
	JSON          bool      // the screen as JSON, one object per line
	Screen        io.Writer // nil: no output
	Binary        string    // hotpair; "" for the running binary
	Environ       []string  // source of the hosts' HOTPAIR_ settings; nil for this process's own
}

// Cluster is the whole pair on this machine.
type Cluster struct {
	options  Options
	load     workload
	settings config.Cluster
	screen   *screen
	ready    chan struct{}

	elsewhere config.Terminals // not run by the cluster itself
	terminals config.Terminals // all that the hosts know; from plan on

	dir      *directory
	ports    ports
	groups   map[string]*group
	hosts    map[string]config.Host
	ordering map[string]*sync.Mutex // one order at a time for each process tree
	file     sync.Mutex             // one writer of cluster.json
	ends     chan string            // names of groups whose leader has ended
}

// New checks options and environment. It changes nothing before Run. Errors: ErrOption, config.ErrInvalid.
func New(o Options) (*Cluster, error) {
	elsewhere, err := readTerminals(o.TerminalsFile)
	if err != nil {
		return nil, err
	}
	if o.TerminalsFile != "" {
		o.Terminals = len(elsewhere)
	}
	load := workload{name: DefaultLoad}
	if o.Load != "" {
		if load, err = loadOf(o.Load); err != nil {
			return nil, err
		}
	}
	switch {
	case o.Terminals < 1 || o.Terminals > MaxTerminals:
		return nil, fmt.Errorf("%w: --terminals %d: give 1 to %d", ErrOption, o.Terminals, MaxTerminals)
	case o.Each < 0 || o.Each > PartSize:
		return nil, fmt.Errorf("%w: --each %d: give 1 to %d", ErrOption, o.Each, PartSize)
	case o.TerminalsFile != "" && o.Load != "":
		return nil, fmt.Errorf("%w: --load does not work with --terminals-file: run the load where the terminals run", ErrOption)
	case o.Port < 0 || o.Port > 65535:
		return nil, fmt.Errorf("%w: --port %d: give 1 to 65535, or 0 for free ones", ErrOption, o.Port)
	}
	if err := o.kiosk(); err != nil {
		return nil, err
	}
	o.Each = cmp.Or(o.Each, PartSize)
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	if o.Screen == nil {
		o.Screen = io.Discard
	}
	settings, err := config.Load[config.Cluster](o.Environ)
	if err != nil {
		return nil, err
	}
	settings.Work.Business = withServices(settings.Work.Business, append(load.services, o.Services...))
	if o.Binary == "" {
		if o.Binary, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("own binary: %w", err)
		}
	}
	return &Cluster{
		options: o, load: load, settings: settings, screen: &screen{to: o.Screen, json: o.JSON}, ready: make(chan struct{}),
		groups: map[string]*group{}, hosts: map[string]config.Host{}, ordering: map[string]*sync.Mutex{},
		ends: make(chan string, 16), elsewhere: elsewhere,
	}, nil
}

// Ready is closed when the pair is in sync and serves; Directory is valid from then on.
func (c *Cluster) Ready() <-chan struct{} { return c.ready }

// Directory is where the cluster keeps everything.
func (c *Cluster) Directory() string { return c.dir.path }

// Run starts everything, serves until ctx ends, then stops everything cleanly. Errors at the start: ErrPort,
// ErrForeign, ErrRunning, process.ErrStart, ErrEnded; at the end: ErrVerdict, or what could not be stopped.
func (c *Cluster) Run(ctx context.Context) (err error) {
	if c.options.Port != 0 {
		if dir, running := runningOn(ctx, c.options.Port); running {
			return fmt.Errorf("%w on port %d (directory %s): stop that one, or choose other ports with --port", ErrRunning, c.options.Port, dir)
		}
	}
	own, groups := c.options.Terminals, []string{Witness, terminals, HostA, HostB}
	if len(c.elsewhere) > 0 {
		own, groups = 0, []string{Witness, HostA, HostB}
	}
	if err := allowFiles(min(own, c.options.Each), c.options.Silent); err != nil {
		return err
	}
	if c.dir, err = claim(c.options.Dir); err != nil {
		return err
	}
	defer func() {
		if err != nil && c.dir.keep() {
			c.screen.event("kept", "the directory is kept, for its logs: "+c.dir.path)
		}
		err = errors.Join(err, c.dir.release())
	}()
	if c.ports, err = choosePorts(c.options.Port, c.dir.portsBefore(), own, c.options.Silent); err != nil {
		return err
	}
	if err := c.plan(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stopAll(context.WithoutCancel(ctx))) }()
	for _, name := range groups {
		if err := c.startGroup(name); err != nil {
			return err
		}
	}
	orders, err := newOrders(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, orders.close()) }()
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return orders.run(ctx) })
	work.Go(func() error { return c.watch(ctx) })
	return work.Wait()
}

// longList is the size of a terminal list, in bytes, that goes into a file: one environment variable holds 128 KiB.
const longList = 64 << 10

// plan determines how each group is started. It starts nothing.
func (c *Cluster) plan() error {
	list := c.elsewhere
	if len(list) == 0 {
		for i := range c.options.Terminals {
			list = append(list, config.TerminalAddress{ID: TerminalID(i), URL: "nats://" + c.ports.terminal(i)})
		}
	}
	c.terminals = list
	file := ""
	if text := list.String(); len(text) > longList {
		file = c.dir.join("terminals.list")
		if err := durable.Write(file, []byte(text)); err != nil {
			return fmt.Errorf("list of terminals: %w", err)
		}
	}
	pair := founding.Plan{
		Hosts: [2]founding.Machine{c.ports.machine(HostA, blockA), c.ports.machine(HostB, blockB)}, Witness: c.ports.machine(Witness, offsetWitness), Life: life,
	}
	// Terminals that run elsewhere have certificates if their operator has put the root into the directory.
	elsewhere := len(c.elsewhere) > 0 && !c.dir.holds(founding.RootFile)
	c.options.Plain = c.options.Plain || elsewhere
	members, err := pair.Keep(c.dir.path, !elsewhere, bundles...)
	if err != nil {
		return fmt.Errorf("pair of the cluster: %w", err)
	}
	open := func(tls *config.TLS) {
		if c.options.Plain {
			*tls = config.TLS{Insecure: len(c.elsewhere) > 0} // possibly on other machines
		}
	}
	witness, err := loaded[config.Witness](c.dir, Witness, members[founding.WitnessBundle], pair.WitnessSettings())
	if err != nil {
		return err
	}
	open(&witness.TLS)
	witness.Log = c.settings.Log
	c.add(Witness, config.ForWitness(c.options.Environ, witness), "witness")
	for i, name := range []string{HostA, HostB} {
		host, err := loaded[config.Host](c.dir, name, members[founding.BundleFile(name)], pair.Host(i))
		if err != nil {
			return err
		}
		open(&host.TLS)
		host.Authority = config.Authority{} // certificates outlive the directory, and those of terminals are new at each start
		host.Terminals, host.TerminalsFile, host.Work = list, file, c.settings.Work
		host.Pace, host.Patience, host.Bounds, host.Deferral, host.Hooks, host.Backups, host.Tracing, host.Log = c.settings.Pace, c.settings.Patience, c.settings.Bounds, c.settings.Deferral, c.settings.Hooks, c.settings.Backups, c.settings.Tracing, c.settings.Log
		c.hosts[name] = host
		c.add(name, config.ForHost(c.options.Environ, host), "supervisor")
	}
	plain := config.Passed(c.options.Environ)
	fleet := Fleet{
		Dir: c.dir.path, Port: c.ports.base, Terminals: c.options.Terminals, Each: c.options.Each, Plain: c.options.Plain, Silent: c.options.Silent, Files: c.options.Files,
	}
	c.add(terminals, append(plain, config.Environ(&c.settings.Log)...), fleet.arguments()...)
	c.add(load, plain, "simulate", "--dir", c.dir.path, "--duration", "0", "--workload", c.load.name,
		"--rate", strconv.Itoa(c.load.rate*c.options.Terminals))
	return nil
}

func (c *Cluster) add(name string, env []string, args ...string) {
	log := name + ".log"
	if name == HostA || name == HostB {
		log = "host-" + log
	}
	c.ordering[name] = &sync.Mutex{}
	c.groups[name] = &group{name: name, command: command{
		argv: append([]string{c.options.Binary}, args...), env: env, log: c.dir.join(log),
	}}
}

// verdict returns the load's verdict from its log: the last line that is one.
func (c *Cluster) verdict() string {
	text, err := os.ReadFile(c.groups[load].command.log)
	if err != nil {
		return "no verdict: " + err.Error()
	}
	lines := strings.Split(string(text), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.HasPrefix(lines[i], "verdict:") {
			return lines[i]
		}
	}
	return "no verdict; see " + c.groups[load].command.log
}

// startGroup starts a group, reports its end to watch, and updates cluster.json.
func (c *Cluster) startGroup(name string) error {
	g := c.groups[name]
	if err := g.start(); err != nil {
		return err
	}
	_, ended, err := g.running()
	if err == nil {
		go func() { // ends with the leader, which this process never outlives
			<-ended
			c.ends <- name
		}()
	}
	return c.writeFile()
}

// stopAll stops everything in order: the load while all still serve, the standby before the active (so that there is
// no hand-over to a stopping host), then what they need.
func (c *Cluster) stopAll(ctx context.Context) error {
	first, second := HostA, HostB
	if c.screen.active() == HostA {
		first, second = HostB, HostA
	}
	var failed []error
	for _, name := range []string{load, first, second, terminals, Witness} {
		c.ordering[name].Lock() // never unlocked: no order may start it again
		g := c.groups[name]
		patience := stopPatience
		if name == load {
			patience = loadPatience
		}
		err := c.stopTelling(ctx, name, patience)
		if errors.Is(err, ErrState) {
			err = nil // not running
		}
		if exit := g.state().exit; name == load && exit != nil {
			c.screen.event("load", "load: "+c.verdict())
			if !exit.Clean() {
				err = errors.Join(err, fmt.Errorf("%w: %s, see %s", ErrVerdict, exit, g.command.log))
			}
		}
		failed = append(failed, err)
	}
	return errors.Join(append(failed, c.writeFile())...)
}

// applications are the addresses of the cluster's terminals for applications over NATS and over HTTP.
func (c *Cluster) applications() (nats, http []string) {
	if len(c.elsewhere) > 0 {
		return nil, nil
	}
	for i := range c.options.Terminals {
		nats = append(nats, c.ports.application(i))
		if !c.options.Silent {
			http = append(http, c.ports.http(i))
		}
	}
	return nats, http
}
