// Package processes starts the processes of a host, receives their beats, restarts them, and reports which are up.
//
// Each start of a process is a new incarnation. The other processes are told when one comes up or goes down, because
// requests to an incarnation that went down must be sent again.
package processes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/processes/paths"
	"github.com/hotpair/hotpair/services/processes/said"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/traffic"
)

// kept is one process of the host under main's care.
type kept struct {
	name     string
	args     []string
	foreign  bool   // a business process with its own program; otherwise it is this binary
	service  string // of a business process
	set      string // its program in the settings
	said     said.Lines
	beats    bool // it reports itself that it is ready; other processes are asked
	optional bool // terminals are served without it
	user     *process.Identity
	password string
	environ  func(config.Bus) []string
	keeper   *process.Keeper

	order   sync.Mutex // held while the watcher is called, so that the latest event arrives last
	telling sync.Mutex // likewise for the other processes

	mu          sync.Mutex
	path        string    // of a foreign process: the program that runs, or is about to
	renewal     *renewal  // not nil during a restart on purpose
	since       time.Time // last start, or change between up and down
	incarnation uint64
	pid         int
	up          bool
	settled     bool            // it has been up, has ended, or could not start: whether it works is known
	frozen      bool            // it was killed because it was silent
	killed      bool            // its last run was killed, but not by this keeper
	heard       time.Time       // its last heartbeat
	run         context.Context // of the keeper
	stop        context.CancelFunc
	done        chan struct{} // closed when the keeper has ended
}

// priority is lower for programs of others: they must not delay the processes that relay all requests.
func (k *kept) priority() process.Priority {
	if k.optional || k.foreign {
		return process.Ordinary
	}
	return process.Prompt
}

// optionalPatience is how long an optional process may be silent: it waits while the others need the processors.
const optionalPatience = time.Minute

// Watcher is notified of the host's processes, in order for each process.
type Watcher interface {
	ProcessUp(name string) // it is ready for its work
	ProcessDown(name string)
	ProcessState(name string, raw json.RawMessage) // sent with a beat
	ProcessEvent(name, text string)
}

// Machine takes inputs of the role machine.
type Machine interface {
	Give(in role.Input)
}

// Elsewhere knows the services of the other host.
type Elsewhere interface {
	// Lacks reports whether the other host says that one of its services is not ready.
	Lacks(service string) bool
}

// Config is what the processes of a host need.
type Config struct {
	Host    config.Host
	Environ []string
	Users   *broker.Users  // users of the host's bus: each process gets its own password
	Server  *broker.Server // the host's bus
	Conn    *bus.Conn      // main's, for control
	Traffic *traffic.Plan
	Network bus.Network // of the host; nil is TCP
	Inherit process.Inheritance
	Begin   process.Starter // nil: real processes
	Watcher Watcher
	Calls   *bus.Poster // orders to the host's processes; nil: none can be given
	Machine Machine     // receives which processes failed, and whether the host is fit
	// Elsewhere knows the services of the other host.
	Elsewhere Elsewhere
	Log       *slog.Logger
	// BusinessUser is the user that business processes run as; nil: the user of main.
	BusinessUser *process.Identity
	// UpdaterOnly starts only the updater, because the host serves no terminals.
	UpdaterOnly bool
}

// State is the present state of one process.
type State struct {
	Name string
	process.Status
	// SilentMS is the time since its last beat, in milliseconds; -1 for never, as for a process in another language.
	SilentMS int64
}

// Processes are the processes of one host.
type Processes struct {
	config   Config
	children []*kept
	noting   sync.Mutex    // held while the file of replaced programs is written
	patience time.Duration // with a service that neither becomes ready nor ends

	judging sync.Mutex // held while the machine is called, so that the latest report arrives last
	judged  *role.Fitness

	wait sync.WaitGroup
}

// New returns the processes of a host. Nothing is started before Start.
func New(c Config) *Processes {
	p := &Processes{config: c, patience: unreadyFor}
	add := func(k *kept) {
		k.beats = !k.foreign
		k.password = c.Traffic.Password(k.name)
		c.Users.Allow(k.name, broker.Grant{Password: k.password, Permissions: broker.Permissions(k.name)})
		p.children = append(p.children, k)
	}
	add(&kept{name: bus.ProcessUpdater, args: []string{"updater"},
		environ: func(b config.Bus) []string { return config.ForUpdater(c.Environ, c.Host, b, c.Traffic.Database()) }})
	if c.UpdaterOnly {
		return p
	}
	add(&kept{name: bus.ProcessTerminalInterface, args: []string{"terminal-if"},
		environ: func(b config.Bus) []string {
			return config.ForTerminalInterface(c.Environ, c.Host, b, c.Traffic.Requests())
		}})
	replaced := p.replaced()
	for _, s := range c.Host.Business {
		k := &kept{name: bus.ProcessBusiness + "." + s.Name, service: s.Name,
			environ: func(b config.Bus) []string { return config.ForBusiness(c.Environ, c.Host, b, c.Traffic.Routes()) }}
		k.user = c.BusinessUser
		if s.Path != "" {
			k.set, k.foreign = s.Path, true
			if k.path = paths.Of(replaced, s.Name, s.Path); k.path != k.set {
				c.Log.Warn("a service runs a program other than the one in HOTPAIR_BUSINESS, as an operator requested", "service", s.Name, "runs", k.path, "named", k.set)
			}
		} else {
			k.args = []string{"business", s.Name}
		}
		add(k)
	}
	add(&kept{name: bus.ProcessCourier, args: []string{"courier"}, optional: true,
		environ: func(b config.Bus) []string { return config.ForCourier(c.Environ, c.Host, b) }})
	if c.Host.Backups.Wanted() {
		add(&kept{name: bus.ProcessBackup, args: []string{"backups"}, optional: true,
			environ: func(b config.Bus) []string { return config.ForBackup(c.Environ, c.Host, b) }})
	}
	return p
}

// Prepare makes the keepers of all processes. Call it before anything asks for States.
func (p *Processes) Prepare(ctx context.Context) {
	for _, k := range p.children {
		p.makeKeeper(ctx, k)
	}
}

// Start starts all processes. Stop stops them in reverse order.
func (p *Processes) Start() error {
	if _, err := p.config.Conn.Subscribe("heartbeat.>", p.beaten); err != nil {
		return fmt.Errorf("heartbeats: %w", err)
	}
	for _, k := range p.children {
		p.keep(k)
	}
	return nil
}

func (p *Processes) makeKeeper(ctx context.Context, k *kept) {
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	k.run, k.stop, k.done = run, stop, make(chan struct{})
	k.keeper = &process.Keeper{
		Start: p.config.Begin,
		Spec: func(context.Context) (process.Spec, error) {
			var log *slog.Logger
			if k.foreign {
				log = k.said.Logger(p.config.Log.With("name", k.name)) // and its last output is kept
			}
			return process.Spec{
				Priority: k.priority(), Slack: process.Patient,
				Name: k.name, Path: k.program(), Args: k.args, User: k.user, LifelineFD: p.config.Inherit.LifelineFD, Logger: log,
				Environ: k.environ(config.Bus{BusURL: p.config.Server.URL(), BusUser: k.name, BusPassword: config.Secret(k.password), BusInbox: bus.InboxPrefix(k.name)}),
			}, nil
		},
		Policy: process.DefaultPolicy(), Grace: endGrace, StartPatience: 30 * time.Second,
		Events: func(e process.Event) { p.happened(run, k, e) },
	}
	if !k.foreign {
		// T11: a busy machine starves heartbeats; the supervisor allows main the same.
		k.keeper.Patience = max(2*p.config.Host.Lease, time.Second)
	}
	if k.optional {
		k.keeper.Patience = optionalPatience
	}
}

func (p *Processes) keep(k *kept) {
	p.wait.Go(func() {
		defer close(k.done)
		if err := k.keeper.Run(k.run); err != nil {
			p.config.Log.Warn("a process did not stop cleanly", "name", k.name, "error", err)
		}
	})
}

func (p *Processes) happened(ctx context.Context, k *kept, e process.Event) {
	switch e := e.(type) {
	case process.Started:
		k.mu.Lock()
		k.incarnation++
		k.pid, k.frozen, k.since = e.PID, false, time.Now()
		k.mu.Unlock()
		k.said.Add(said.Host, fmt.Sprintf("started, pid %d", e.PID))
		if e.Restarts > 0 {
			p.config.Watcher.ProcessEvent(k.name, fmt.Sprintf("restarted, pid %d", e.PID))
		}
		if !k.beats {
			p.wait.Go(func() { p.awaitForeign(ctx, k, e.PID) })
		}
		if k.service != "" {
			time.AfterFunc(p.patience, func() {
				if ctx.Err() == nil {
					k.settle()
					p.judge()
				}
			})
		}
	case process.Ready:
		p.config.Log.Info("process is ready", "name", k.name, "pid", e.PID, "took", e.Took)
	case process.Frozen:
		k.mu.Lock()
		k.frozen = true
		k.mu.Unlock()
		p.config.Watcher.ProcessEvent(k.name, fmt.Sprintf("frozen for %s, killed", e.Silent.Round(time.Millisecond)))
	case process.Exited:
		p.wentDown(k, e.Exit)
		if k.said.Add(said.Host, e.String()); !e.Ordered {
			k.outcome(errors.New(e.String()))
			p.config.Watcher.ProcessEvent(k.name, e.String())
			p.stillFailed(k)
		}
	case process.NotStarted:
		k.settle()
		k.said.Add(said.Host, e.Err.Error())
		k.outcome(e.Err)
		p.config.Watcher.ProcessEvent(k.name, e.Err.Error())
		p.stillFailed(k)
	case process.Renewing:
		k.begin()
	case process.GaveUp:
		p.failed(k)
	case process.Recovered:
		p.config.Watcher.ProcessEvent(k.name, "recovered")
	}
	p.judge()
}

// Pace of asking whether a foreign process serves: a restart must not wait for it, but a process that starts slowly
// should not be asked all the time.
const (
	foreignFirst = 5 * time.Millisecond
	foreignLast  = 250 * time.Millisecond
)

// IsUp reports whether a process is ready for its work.
func (p *Processes) IsUp(name string) bool {
	k := p.find(name)
	if k == nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.up
}

// States returns all processes, in the order in which they start.
func (p *Processes) States() []State {
	states := make([]State, len(p.children))
	for i, k := range p.children {
		states[i] = State{Name: k.name, Status: k.keeper.Status(), SilentMS: k.silence()}
	}
	return states
}

// silence is the time since the last beat, in milliseconds; -1 for never, as for a process in another language.
func (k *kept) silence() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.heard.IsZero() || k.pid == 0 {
		return -1
	}
	return time.Since(k.heard).Milliseconds()
}

func (p *Processes) find(name string) *kept {
	for _, k := range p.children {
		if k.name == name {
			return k
		}
	}
	return nil
}

// Stop ends the processes in reverse order of start and waits for them.
func (p *Processes) Stop() {
	for i := len(p.children) - 1; i >= 0; i-- {
		if k := p.children[i]; k.stop != nil {
			k.stop()
			<-k.done
		}
	}
	p.wait.Wait()
}
