package processes

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/processes/paths"
	"github.com/hotpair/hotpair/services/processes/programs"
	"github.com/hotpair/hotpair/services/processes/said"
	"github.com/hotpair/hotpair/services/role"
)

// played is one run of a program of a test.
type played struct {
	pid  int
	exit process.Exit
	done chan struct{}
	once sync.Once
}

func (p *played) PID() int              { return p.pid }
func (p *played) Done() <-chan struct{} { return p.done }
func (p *played) Wait() process.Exit    { <-p.done; return p.exit }
func (p *played) Kill() error           { p.end(process.Exit{PID: p.pid, Signal: syscall.SIGKILL}); return nil }
func (p *played) Close()                {}
func (p *played) Stop(time.Duration) (process.Exit, error) {
	p.end(process.Exit{PID: p.pid, Signal: syscall.SIGTERM})
	return p.exit, nil
}
func (p *played) end(e process.Exit) {
	p.once.Do(func() { p.exit = e; close(p.done) })
}

// stage runs a service in the bubble of a test; what a program does is in its name.
type stage struct {
	*Processes
	tickets *kept
	machine *asked
	started []string // programs, in order
	mu      sync.Mutex
	end     func()
}

// asked is what a machine was given.
type asked struct {
	mu       sync.Mutex
	handOver atomic.Int64
	unfit    []string
}

func (m *asked) Give(in role.Input) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch in := in.(type) {
	case role.ProcessFailed:
		m.handOver.Add(1)
	case role.Fitness:
		if !in.Fit {
			m.unfit = append(m.unfit, in.Why)
		}
	}
}

func (m *asked) reasons() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.unfit, ", ")
}

// unheard is a watcher that keeps nothing.
type unheard struct{ Watcher }

func (unheard) ProcessUp(string)            {}
func (unheard) ProcessDown(string)          {}
func (unheard) ProcessEvent(string, string) {}

func play(t *testing.T, data, program string) *stage {
	s := &stage{machine: &asked{}, tickets: &kept{name: "business.tickets", service: "tickets", foreign: true, beats: true, path: program, set: program}}
	s.Processes = &Processes{patience: unreadyFor, children: []*kept{s.tickets}, config: Config{
		Conn: &bus.Conn{}, Machine: s.machine, Watcher: unheard{}, Elsewhere: lacking{}, Log: slog.New(slog.DiscardHandler),
	}}
	host := &s.config.Host
	host.Host, host.Data, host.TakeoverNeeds = "a", data, config.Names{"tickets"}
	ctx, stop := context.WithCancel(t.Context())
	s.tickets.run = ctx
	pids := 100
	s.tickets.keeper = &process.Keeper{
		Spec:   func(context.Context) (process.Spec, error) { return process.Spec{Path: s.tickets.program()}, nil },
		Policy: process.DefaultPolicy(), Grace: time.Second,
		Events: func(e process.Event) { s.happened(ctx, s.tickets, e) },
		Start: func(spec process.Spec) (process.Process, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.started = append(s.started, filepath.Base(spec.Path))
			pids++
			run := &played{pid: pids, done: make(chan struct{})}
			switch name := filepath.Base(spec.Path); {
			case strings.HasPrefix(name, "good"):
				time.AfterFunc(10*time.Millisecond, func() { s.cameUp(s.tickets, run.pid) })
			case strings.HasPrefix(name, "ends"):
				time.AfterFunc(10*time.Millisecond, func() { run.end(process.Exit{PID: run.pid, Code: 7, Words: "no fares"}) })
			case strings.HasPrefix(name, "none"):
				return nil, errors.New("no such program")
			case strings.HasPrefix(name, "silent"):
				s.tickets.said.Add(said.Error, "waiting for a printer")
				s.tickets.said.Add(said.Out, "bye")
			}
			return run, nil
		},
	}
	ended := make(chan error, 1)
	go func() { ended <- s.tickets.keeper.Run(ctx) }()
	time.Sleep(time.Second) // of the bubble's clock: it is up
	s.end = func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	return s
}

// programsOf makes files of programs, which are never run.
func programsOf(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestStateOf_WhoServesHasNotFailed: one that was given up and is ready is not trusted for a while, and serves all the same. It was shown as
// failed meanwhile, and who waited for it to be ready waited for minutes.
func TestStateOf_WhoServesHasNotFailed(t *testing.T) {
	for want, status := range map[string]process.Status{
		programs.Ready:      {State: process.StateReady, GaveUp: true},
		programs.Failed:     {State: process.StateStarting, GaveUp: true},
		programs.Starting:   {State: process.StateStarting},
		programs.Stopped:    {State: process.StateStopped},
		programs.Restarting: {State: process.StateWaiting},
	} {
		if got := stateOf(status); got != want {
			t.Errorf("%+v is %s, want %s", status, got, want)
		}
	}
}

// TestRestart_OnPurpose: a program that works runs from then on, and the next main knows it; one that does not is replaced by the
// one before, and the error has its last words. No takeover needs it meanwhile, and nobody hands over for it.
func TestRestart_OnPurpose(t *testing.T) {
	for _, c := range []struct {
		name, to, runs, says string
		err                  error
		starts               string
	}{
		{name: "the same again", to: "", runs: "good-1", starts: "good-1 good-1"},
		{name: "the same by name", to: "good-1", runs: "good-1", starts: "good-1 good-1"},
		{name: "another one", to: "good-2", runs: "good-2", starts: "good-1 good-2"},
		{name: "one that ends", to: "ends", runs: "good-1", err: programs.ErrNotReady, says: "exited with code 7: no fares. ", starts: "good-1 ends"},
		{name: "one that can't be started", to: "none", runs: "good-1", err: programs.ErrNotReady, says: "no such program", starts: "good-1 none"},
		{name: "one that never answers", to: "silent", runs: "good-1", err: programs.ErrNotReady, says: "within 10s (is it the program of another service?); its last output: waiting for a printer", starts: "good-1 silent good-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, data := programsOf(t, "good-1", "good-2", "ends", "none", "silent"), t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := play(t, data, filepath.Join(dir, "good-1"))
				defer s.end()
				to := c.to
				if to != "" {
					to = filepath.Join(dir, to)
				}
				s.machine.unfit = nil // it was not ready before it was
				err := s.Restart("tickets", to)
				if !errors.Is(err, c.err) || (err != nil) != (c.err != nil) || err != nil && !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v", err)
				}
				if status := s.tickets.keeper.Status(); status.State != process.StateReady || status.GaveUp || !s.IsUp("business.tickets") {
					t.Errorf("afterwards: %+v", status)
				}
				if runs := filepath.Base(s.tickets.program()); runs != c.runs {
					t.Errorf("%s runs, want %s", runs, c.runs)
				}
				s.mu.Lock()
				if starts := strings.Join(s.started, " "); !strings.HasPrefix(starts, c.starts) || !strings.HasSuffix(starts, c.runs) {
					t.Errorf("started %s, want %s", starts, c.starts)
				}
				s.mu.Unlock()
				if n, why := s.machine.handOver.Load(), s.machine.reasons(); n > 0 || why != "" {
					t.Errorf("handed over %d times, not fit: %s", n, why)
				}
				list, err := paths.Read(data)
				if err != nil || filepath.Base(paths.Of(list, "tickets", s.tickets.set)) != c.runs {
					t.Errorf("the next main starts %v, %v", list, err)
				}
				if differs := len(s.Differing()) > 0; differs != (c.runs != "good-1") {
					t.Errorf("it differs from the settings: %t", differs)
				}
			})
		})
	}
}

// TestRestart_WhatCantBeWrittenDownDoesNotStay: a program that the next main would not start is not left running.
func TestRestart_WhatCantBeWrittenDownDoesNotStay(t *testing.T) {
	dir, data := programsOf(t, "good-1", "good-2"), filepath.Join(t.TempDir(), "gone")
	synctest.Test(t, func(t *testing.T) {
		s := play(t, data, filepath.Join(dir, "good-1"))
		defer s.end()
		err := s.Restart("tickets", filepath.Join(dir, "good-2"))
		if !errors.Is(err, programs.ErrNotReady) || !errors.Is(err, errNotKept) || filepath.Base(s.tickets.program()) != "good-1" || !s.IsUp("business.tickets") {
			t.Errorf("%v, %s runs", err, s.tickets.program())
		}
	})
}

// TestRestart_RefusesAndDoesNothing: what can't work is refused before anything is ended.
func TestRestart_RefusesAndDoesNothing(t *testing.T) {
	dir := programsOf(t, "good-1", "open", "plain")
	if err := errors.Join(os.Chmod(filepath.Join(dir, "open"), 0o777), os.Chmod(filepath.Join(dir, "plain"), 0o600), os.Mkdir(filepath.Join(dir, "folder"), 0o700)); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := play(t, "", filepath.Join(dir, "good-1"))
		defer s.end()
		s.children = append(s.children, &kept{name: "business.kv", service: "kv"}, &kept{name: "updater"})
		for _, c := range []struct{ service, path, says string }{
			{"nobody", "", "has no service"},
			{"", "", "has no service"},
			{"kv", filepath.Join(dir, "good-1"), "built into hotpair"},
			{"tickets", "good-1", "absolute path"},
			{"tickets", dir + "/../good-1", "without . or .."},
			{"tickets", filepath.Join(dir, "missing"), "there is no"},
			{"tickets", filepath.Join(dir, "folder"), "is not a regular file"},
			{"tickets", filepath.Join(dir, "plain"), "chmod +x"},
			{"tickets", filepath.Join(dir, "open"), "chmod o-w"},
			{"tickets", "/\x00", "invalid argument"},
		} {
			for _, err := range []error{s.CheckRestart(c.service, c.path), s.Restart(c.service, c.path)} {
				if !errors.Is(err, bus.ErrRefused) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s %s: %v", c.service, c.path, err)
				}
			}
		}
		s.tickets.renewal = newRenewal()
		if err := s.Restart("tickets", ""); !errors.Is(err, bus.ErrRefused) || !strings.Contains(err.Error(), "already") {
			t.Errorf("beside another one: %v", err)
		}
		if len(s.started) != 1 || !s.IsUp("business.tickets") {
			t.Errorf("started %v", s.started)
		}
	})
}
