package world

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/kv"
	"github.com/hotpair/hotpair/services/business/ledger"
	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/courier"
	"github.com/hotpair/hotpair/services/mainprocess"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/supervisor"
	"github.com/hotpair/hotpair/services/terminalif"
	"github.com/hotpair/hotpair/services/updater"
)

var (
	// errKilled ends what was killed.
	errKilled = errors.New("killed")
	// errUnknown says that main requested a process that a world does not have.
	errUnknown = errors.New("no such process")
	// errNobody says that a world without targets has no such target.
	errNobody = errors.New("nobody is there")
)

// Host is one of the pair's machines.
type Host struct {
	world  *World
	name   string
	config config.Host
	run    *run         // nil while it does not run
	off    atomic.Int64 // how far its wall clock is ahead of the world's, in nanoseconds
}

// Wall is the host's wall clock.
func (h *Host) Wall() time.Time { return time.Now().Add(time.Duration(h.off.Load())) }

// SetWall sets the host's wall clock ahead of the world's.
func (h *Host) SetWall(ahead time.Duration) { h.off.Store(int64(ahead)) }

// run is one life of a host: a main and all its processes.
type run struct {
	host     *Host
	endpoint *Endpoint
	stop     context.CancelFunc
	killed   chan struct{}
	done     chan struct{}

	mu       sync.Mutex
	children map[string]*child
	dead     bool
	leaving  bool // killed or told to stop
}

// Start starts the host, unless it runs. It waits for a run that is ending.
func (h *Host) Start() {
	if h.run != nil {
		if !h.run.isLeaving() {
			return
		}
		h.Wait()
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &run{host: h, endpoint: h.world.network.Endpoint(Address(h.name)), stop: stop, killed: make(chan struct{}), done: make(chan struct{}),
		children: map[string]*child{}}
	h.run = r
	log := h.world.options.Log.With("host", h.name)
	h.world.wait.Go(func() {
		defer close(r.done)
		defer stop()
		defer r.endpoint.Sever()
		environment := mainprocess.Environment{Clock: h.world.Clock, Wall: h.Wall, Built: h.world.began, Network: r.endpoint, Overseer: r, Start: r.start}
		err := mainprocess.RunOn(ctx, h.config, log.With("process", "main"), environment)
		if err != nil && !r.isDead() {
			h.world.fail(fmt.Errorf("main of %s: %w", h.name, err))
		}
	})
}

// Kill kills every process of the host at once.
func (h *Host) Kill() {
	r := h.run
	if r == nil {
		return
	}
	r.mu.Lock()
	if !r.dead {
		r.dead, r.leaving = true, true
		close(r.killed)
	}
	children := r.children
	r.mu.Unlock()
	r.endpoint.Sever()
	for _, c := range children {
		_ = c.Kill()
	}
}

// Stop begins a clean stop of the host, as SIGTERM would.
func (h *Host) Stop() {
	if r := h.run; r != nil {
		r.mu.Lock()
		r.leaving = true
		r.mu.Unlock()
		r.stop()
	}
}

// Wait waits until a killed or stopped host has ended completely.
func (h *Host) Wait() {
	if h.run != nil {
		<-h.run.done
	}
}

// KillProcess kills one process of the host; main restarts it.
func (h *Host) KillProcess(name string) {
	if h.run == nil {
		return
	}
	h.run.mu.Lock()
	c := h.run.children[name]
	h.run.mu.Unlock()
	if c != nil {
		_ = c.Kill()
	}
}

func (r *run) isLeaving() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.leaving
}

func (r *run) isDead() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dead
}

// Run implements mainprocess.Overseer.
func (r *run) Run(ctx context.Context, _ time.Duration, _ supervisor.Watched) error {
	select {
	case <-r.killed:
		return errKilled
	case <-ctx.Done():
		return ctx.Err()
	}
}

// child is a process of a host, as goroutines.
type child struct {
	name     string
	run      *run
	endpoint *Endpoint
	began    time.Time
	ctx      context.Context
	cancel   context.CancelFunc
	done     chan struct{}
	exit     process.Exit // set before done is closed

	mu     sync.Mutex
	killed bool
}

// start is the process.Starter of a host.
func (r *run) start(spec process.Spec) (process.Process, error) {
	if spec.Path != "" {
		return nil, fmt.Errorf("%w %s: %s is not here", process.ErrStart, spec.Name, spec.Path) // a world has no programs other than hotpair's
	}
	c := &child{name: spec.Name, run: r, endpoint: r.host.world.network.Endpoint(Address(r.host.name)), began: time.Now(), done: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	log := r.host.world.options.Log.With("host", r.host.name, "process", spec.Name)
	r.mu.Lock()
	if r.dead {
		r.mu.Unlock()
		return nil, fmt.Errorf("%w: %w", process.ErrStart, errKilled)
	}
	r.children[spec.Name] = c
	r.mu.Unlock()
	go func() {
		err := c.body(spec, log)
		c.endpoint.Sever()
		c.mu.Lock()
		c.exit = process.Exit{PID: c.PID(), Ran: time.Since(c.began)}
		switch {
		case c.killed:
			c.exit.Signal, c.exit.Code = syscall.SIGKILL, -1
		case err != nil:
			c.exit.Code, c.exit.Words = 1, err.Error()
		}
		c.mu.Unlock()
		log.Debug("process ended", "exit", c.exit, "error", err)
		c.cancel()
		close(c.done)
	}()
	return c, nil
}

// body runs the process with that name, with the settings from main.
func (c *child) body(spec process.Spec, log *slog.Logger) error {
	w := c.run.host.world
	switch spec.Args[0] {
	case "updater":
		settings, err := config.Load[config.Updater](spec.Environ)
		if err != nil {
			return err
		}
		return updater.RunOn(c.ctx, settings, log, updater.Environment{Network: c.endpoint, Clock: w.Clock, Wall: c.run.host.Wall})
	case "terminal-if":
		settings, err := config.Load[config.TerminalInterface](spec.Environ)
		if err != nil {
			return err
		}
		return terminalif.RunOn(c.ctx, settings, log, c.endpoint, w.Clock)
	case "courier":
		settings, err := config.Load[config.Courier](spec.Environ)
		if err != nil {
			return err
		}
		if w.options.Courier != nil {
			if err := w.options.Courier(); err != nil {
				return err
			}
		}
		post := w.options.Post
		if post == nil {
			post = func(context.Context, string, string) (net.Conn, error) { return nil, errNobody }
		}
		return courier.RunOn(c.ctx, settings, log, courier.Environment{Network: c.endpoint, Clock: w.Clock, Wall: c.run.host.Wall, Dial: post})
	case "business":
		settings, err := config.Load[config.Business](spec.Environ)
		if err != nil {
			return err
		}
		services := map[string]business.Service{kv.Name: kv.Service(), ledger.Name: ledger.Service(), tickets.Name: tickets.Service()}
		for name, s := range w.options.Services {
			services[name] = s
		}
		return business.RunOn(c.ctx, settings, services[spec.Args[1]], log, c.endpoint)
	}
	return fmt.Errorf("%w: %q", errUnknown, spec.Args)
}

// PID implements process.Process. All are this process; one of a name runs at a time.
func (c *child) PID() int { return os.Getpid() }

// Done implements process.Process.
func (c *child) Done() <-chan struct{} { return c.done }

// Wait implements process.Process.
func (c *child) Wait() process.Exit {
	<-c.done
	return c.exit
}

// leaveWithin is how long a killed process has to notice that its bus is gone. Only then its context ends: a context
// that ends while the bus exists means a clean stop, and the process would tidy up.
const leaveWithin = 100 * time.Millisecond

// Kill implements process.Process: from now on nothing comes from the process or reaches it.
func (c *child) Kill() error {
	c.mu.Lock()
	first := !c.killed
	c.killed = true
	c.mu.Unlock()
	if first {
		c.endpoint.Sever()
		time.AfterFunc(leaveWithin, c.cancel)
	}
	return nil
}

// Stop implements process.Process.
func (c *child) Stop(grace time.Duration) (process.Exit, error) {
	if c.run.isDead() {
		_ = c.Kill()
		return c.Wait(), nil
	}
	c.cancel()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
		_ = c.Kill()
	}
	return c.Wait(), nil
}

// Close implements process.Process.
func (c *child) Close() { <-c.done }
