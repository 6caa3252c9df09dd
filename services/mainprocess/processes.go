package mainprocess

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/role"
)

// kept is one process of the host under main's care.
type kept struct {
	name     string
	args     []string
	path     string // of a foreign business process; empty: this binary
	foreign  bool
	service  string // of a business process
	password string
	environ  func(config.Bus) []string
	keeper   *process.Keeper

	mu          sync.Mutex
	incarnation uint64
	pid         int
	up          bool
	frozen      bool            // it was killed because it was silent
	heard       time.Time       // its last heartbeat
	run         context.Context // of the keeper
	stop        context.CancelFunc
	done        chan struct{} // closed when the keeper has ended
}

// processWatcher is told of the host's processes, in the order in which things happen to each.
type processWatcher interface {
	processUp(name string) // it can do its work
	processDown(name string)
	processState(name string, raw json.RawMessage) // sent with a beat
	processEvent(name, text string)
}

// inputs are where the role machine takes its inputs.
type inputs interface {
	give(in role.Input)
}

// processesConfig is what the processes of a host need.
type processesConfig struct {
	host    config.Host
	environ []string
	users   *bus.Users
	server  *bus.Server
	conn    *bus.Conn
	inherit process.Inheritance
	begin   process.Starter // nil: real processes
	watcher processWatcher
	machine inputs // is told who is fit, and who was given up
	log     *slog.Logger
}

// processes starts the host's processes, hears their beats, and tells who is up.
type processes struct {
	processesConfig
	children []*kept

	wait sync.WaitGroup
}

// nonce is 128 random bits as text: passwords of one run, identities.
func nonce() string { return rand.Text() }

func newProcesses(c processesConfig) *processes {
	p := &processes{processesConfig: c}
	add := func(k *kept) {
		k.password = nonce()
		c.users.Allow(k.name, bus.Grant{Password: k.password, Permissions: bus.Permissions(k.name)})
		p.children = append(p.children, k)
	}
	add(&kept{name: bus.ProcessUpdater, args: []string{"updater"},
		environ: func(b config.Bus) []string { return config.ForUpdater(c.environ, c.host, b) }})
	add(&kept{name: bus.ProcessTerminalInterface, args: []string{"terminal-if"},
		environ: func(b config.Bus) []string { return config.ForTerminalInterface(c.environ, c.host, b) }})
	for _, s := range c.host.Business {
		k := &kept{name: bus.ProcessBusiness + "." + s.Name, service: s.Name,
			environ: func(b config.Bus) []string { return config.ForBusiness(c.environ, c.host, b) }}
		if s.Path != "" {
			k.path, k.foreign = s.Path, true
		} else {
			k.args = []string{"business", s.Name}
		}
		add(k)
	}
	return p
}

// prepare makes the keepers of all processes. It comes before anybody may ask for the status, which tells of them.
func (p *processes) prepare(ctx context.Context) {
	for _, k := range p.children {
		p.makeKeeper(ctx, k)
	}
}

// start begins all processes. They stop in reverse order by stop.
func (p *processes) start() error {
	if _, err := p.conn.Subscribe("heartbeat.>", p.beaten); err != nil {
		return fmt.Errorf("heartbeats: %w", err)
	}
	for _, k := range p.children {
		p.keep(k)
	}
	return nil
}

func (p *processes) makeKeeper(ctx context.Context, k *kept) {
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	k.run, k.stop, k.done = run, stop, make(chan struct{})
	k.keeper = &process.Keeper{
		Start: p.begin,
		Spec: func(context.Context) (process.Spec, error) {
			return process.Spec{
				Name: k.name, Path: k.path, Args: k.args, LifelineFD: p.inherit.LifelineFD,
				Environ: k.environ(config.Bus{BusURL: p.server.URL(), BusUser: k.name, BusPassword: config.Secret(k.password), BusInbox: bus.InboxPrefix(k.name)}),
			}, nil
		},
		Policy: process.DefaultPolicy(), Grace: 5 * time.Second, StartPatience: 30 * time.Second,
		Events: func(e process.Event) { p.happened(run, k, e) },
	}
	if !k.foreign {
		// T11: a busy machine starves heartbeats; the supervisor allows main the same.
		k.keeper.Patience = max(2*p.host.Lease, time.Second)
	}
}

func (p *processes) keep(k *kept) {
	p.wait.Go(func() {
		defer close(k.done)
		if err := k.keeper.Run(k.run); err != nil {
			p.log.Warn("a process did not stop cleanly", "name", k.name, "error", err)
		}
	})
}

func (p *processes) happened(ctx context.Context, k *kept, e process.Event) {
	switch e := e.(type) {
	case process.Started:
		k.mu.Lock()
		k.incarnation++
		k.pid, k.frozen = e.PID, false
		k.mu.Unlock()
		if e.Restarts > 0 {
			p.watcher.processEvent(k.name, fmt.Sprintf("started again, pid %d", e.PID))
		}
		if k.foreign {
			p.wait.Go(func() { p.awaitForeign(ctx, k, e.PID) })
		}
	case process.Ready:
		p.log.Info("process is ready", "name", k.name, "pid", e.PID, "took", e.Took)
	case process.Frozen:
		k.mu.Lock()
		k.frozen = true
		k.mu.Unlock()
		p.watcher.processEvent(k.name, fmt.Sprintf("frozen for %s, is killed", e.Silent.Round(time.Millisecond)))
	case process.Exited:
		p.wentDown(k, e.Exit)
		if !e.Ordered {
			p.watcher.processEvent(k.name, e.Exit.String())
			if k.keeper.Status().GaveUp {
				p.machine.give(role.ProcessFailed{Process: k.name}) // and again: there may be a standby by now that can take over
			}
		}
	case process.NotStarted:
		p.watcher.processEvent(k.name, e.Err.Error())
	case process.GaveUp:
		p.machine.give(role.ProcessFailed{Process: k.name})
	case process.Recovered:
		p.watcher.processEvent(k.name, "recovered")
	}
	p.judge()
}

// beaten hears a process: its first ready beat is when it is up.
func (p *processes) beaten(m *nats.Msg) {
	var h bus.Heartbeat
	if err := bus.DecodeJSON(m.Data, &h); err != nil || m.Subject != bus.HeartbeatSubject(h.Process) {
		p.log.Warn("a heartbeat could not be read", "subject", m.Subject)
		return
	}
	k := p.find(h.Process)
	if k == nil {
		return
	}
	k.mu.Lock()
	current := k.pid == h.PID
	if current {
		k.heard = time.Now()
	}
	k.mu.Unlock()
	if !current {
		return // of an earlier run
	}
	k.keeper.Beat(h.PID)
	if len(h.State) > 0 {
		p.watcher.processState(k.name, h.State)
	}
	if h.Ready {
		p.cameUp(k, h.PID)
	}
}

// Pace of asking whether a foreign process serves: a restart must not wait for it, and one that starts slowly should not
// be asked all the time.
const (
	foreignFirst = 5 * time.Millisecond
	foreignLast  = 250 * time.Millisecond
)

// awaitForeign finds out when a program in another language serves: it answers a ping of its micro service.
func (p *processes) awaitForeign(ctx context.Context, k *kept, pid int) {
	for again := foreignFirst; ctx.Err() == nil && k.keeper.Status().PID == pid; again = min(2*again, foreignLast) {
		wait, cancel := context.WithTimeout(ctx, foreignLast)
		_, err := p.conn.Request(wait, "$SRV.PING."+k.service, nil)
		cancel()
		if err == nil {
			p.cameUp(k, pid)
			return
		}
		// Nobody serves yet: NATS says so at once.
		_ = pace.Rest(ctx, again)
	}
}

func (p *processes) cameUp(k *kept, pid int) {
	k.mu.Lock()
	fresh := !k.up && k.pid == pid
	if fresh {
		k.up = true
	}
	incarnation := k.incarnation
	k.mu.Unlock()
	if !fresh {
		return
	}
	k.keeper.Ready(pid)
	p.announce(k, incarnation, true)
	p.watcher.processUp(k.name)
	p.judge()
}

func (p *processes) wentDown(k *kept, exit process.Exit) {
	k.mu.Lock()
	was := k.up
	k.up, k.pid = false, 0
	incarnation, killed := k.incarnation, exit.Signal == syscall.SIGKILL && !k.frozen
	k.mu.Unlock()
	p.tell(bus.ProcessState{Process: k.name, Incarnation: incarnation, Killed: killed})
	if was {
		p.watcher.processDown(k.name)
	}
}

// announce tells the other processes: what was sent to an incarnation that is down must be asked again.
func (p *processes) announce(k *kept, incarnation uint64, up bool) {
	p.tell(bus.ProcessState{Process: k.name, Incarnation: incarnation, Up: up})
}

func (p *processes) tell(state bus.ProcessState) {
	// The bus is this process's own: a publish fails only when it is being closed.
	_ = p.conn.Publish(bus.SubjectProcesses+"."+state.Process, bus.EncodeJSON(state))
}

// announceAll repeats who is up, for a process that has just come up itself.
func (p *processes) announceAll() {
	for _, k := range p.children {
		k.mu.Lock()
		incarnation, up := k.incarnation, k.up
		k.mu.Unlock()
		p.announce(k, incarnation, up)
	}
}

// judge tells whether this host could serve: every process is up.
func (p *processes) judge() {
	for _, k := range p.children {
		k.mu.Lock()
		up := k.up
		k.mu.Unlock()
		if !up {
			p.machine.give(role.Fitness{Why: k.name + " is not ready"})
			return
		}
	}
	p.machine.give(role.Fitness{Fit: true})
}

func (p *processes) isUp(name string) bool {
	k := p.find(name)
	if k == nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.up
}

// silence is how long ago the process was heard, in milliseconds; -1 is never, as for one in another language.
func (k *kept) silence() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.heard.IsZero() || k.pid == 0 {
		return -1
	}
	return time.Since(k.heard).Milliseconds()
}

func (p *processes) find(name string) *kept {
	for _, k := range p.children {
		if k.name == name {
			return k
		}
	}
	return nil
}

// stop ends the processes in reverse order of start and waits for them.
func (p *processes) stop() {
	for i := len(p.children) - 1; i >= 0; i-- {
		if k := p.children[i]; k.stop != nil {
			k.stop()
			<-k.done
		}
	}
	p.wait.Wait()
}
