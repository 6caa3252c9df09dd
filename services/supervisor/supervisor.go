// Package supervisor is the process that keeps main alive: it starts main, kills it when it is frozen, and starts it
// again, without end. It does nothing else, so nothing else can make it fail. It does not use the bus, holds no data,
// and does not know roles.
//
// Guarantee: a new main starts only after every descendant of the previous one has ended. The supervisor awaits three
// things, in this order: the end of main itself, the end of file of the lifeline (package process), and the end of
// every orphan, which the kernel hands to the supervisor as their subreaper. The lifeline is the normal case and
// takes milliseconds. The orphans are the proof, since a process closes its files a moment before it ends, and a
// daemon may have closed them long ago. Processes left after a deadline are killed: the holders of the lifeline and
// the supervisor's own children, never a name or a number from a list. One exception is not awaited once it was
// killed and hangs in the kernel: a process that process.Expendable has declared to keep no data of the host, such as
// the one that writes backups to a share.
//
// The log of main and everything below it goes through a pipe that the supervisor always reads. On a disk that hangs,
// a writer can't even be killed until the disk continues, and that may happen to one goroutine of the supervisor
// only, not to the other processes of the host.
//
// SIGTERM to the supervisor stops a host; the supervisor passes it to main only. A second signal ends everything at
// once, because all processes die with their parent. SIGHUP makes main reload its files and ends no process: whatever
// main starts ignores it.
//
// While a main runs, the status for systemd comes from main, with its beats (package systemd). The supervisor's watch
// over main proves that the supervisor lives, and nothing here waits for systemd.
//
//	ctx, stop := process.Context(context.Background())
//	defer stop()
//	err := (&supervisor.Supervisor{Host: host, Environ: os.Environ(), Logger: logger}).Run(ctx)
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/systemd"
)

const (
	// leastPatience is the least silence after which main counts as frozen: with a very short lease, a loaded machine
	// may keep a healthy process waiting longer than two leases (T11).
	leastPatience = 500 * time.Millisecond
	// startPatience is the silence allowed to a main that has just started, on a machine that starts everything at
	// once.
	startPatience = 10 * time.Second
	// leftoverPatience is how long descendants of a dead main may take to end. The kernel kills them within
	// milliseconds; only a program that escaped its death signal remains after that.
	leftoverPatience = 500 * time.Millisecond
	// stopGrace is how long a clean stop may take: a planned switchover and the ends of main's children.
	stopGrace = 15 * time.Second
)

// Patience is the silence after which the supervisor kills main, for a lease: two leases, and at least half a second.
func Patience(lease time.Duration) time.Duration { return max(2*lease, leastPatience) }

// Supervisor keeps the main of one host running. Fill the exported fields and call Run once.
type Supervisor struct {
	Host    config.Host
	Environ []string // the supervisor's own, of which main gets what every child gets
	Path    string   // main's program; "" is the running binary
	Args    []string // main's arguments; nil is "main"
	Logger  *slog.Logger
	Lines   io.Writer     // receives the output of main and everything below it, and never waits; nil: they write where this process does
	Grace   time.Duration // for a clean stop; 0 is 15 s
	Unit    *systemd.Unit // reports the state of the host to systemd; nil: no reports

	keeper  *process.Keeper
	run     *run                // of the main that was started last
	running atomic.Pointer[run] // the same, while it may run
	output  *os.File            // where main writes; nil: where this process does
	hangups chan os.Signal
	telling telling
}

// run is the state of one run of main.
type run struct {
	lifeline *process.Lifeline
	socket   *os.File // to main
	mains    *os.File // main's end, closed here once main has it
	reading  sync.WaitGroup
	reread   chan string   // outcomes of reloading files
	over     chan struct{} // closed after main's last message
}

// Run supervises until ctx ends, then stops main and everything below it. The error is nil after a clean stop, and
// process.ErrUnclean if main had to be killed or exited with a code other than 0. The process becomes leader of its
// process group and subreaper of its descendants; Run must be the only owner of children in it.
func (s *Supervisor) Run(ctx context.Context) error {
	if err := lead(); err != nil {
		return err
	}
	if s.Lines != nil {
		passing, err := s.passOn()
		if err != nil {
			return err
		}
		defer passing()
	}
	s.hangups, s.telling.unit = process.Hangups(), s.Unit
	s.keeper = &process.Keeper{
		Spec:          s.next,
		Start:         s.start,
		Turned:        s.Unit.Alive,
		Policy:        process.DefaultPolicy(),
		Patience:      Patience(s.Host.Lease),
		StartPatience: max(startPatience, Patience(s.Host.Lease)),
		Grace:         s.Grace,
		Events:        s.observe,
	}
	if s.keeper.Grace == 0 {
		s.keeper.Grace = stopGrace
	}
	sweeping, stop := context.WithCancel(ctx)
	var sweeper sync.WaitGroup
	sweeper.Go(func() { s.sweep(sweeping) })
	sweeper.Go(func() { s.reload(sweeping) })
	defer context.AfterFunc(ctx, s.telling.end)()
	err := s.keeper.Run(ctx)
	stop()
	sweeper.Wait()
	// ctx has ended; the end of all descendants is still awaited, but with a bound.
	last, cancel := context.WithTimeout(context.Background(), s.keeper.Grace)
	defer cancel()
	return errors.Join(err, s.settle(last))
}

// lead makes the process leader of its group, if it is not, and parent of all orphans below it.
func lead() error {
	if unix.Getpgrp() != os.Getpid() {
		if err := unix.Setpgid(0, 0); err != nil {
			return fmt.Errorf("lead the process group: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become subreaper: %w", err)
	}
	return nil
}

// next prepares the next run of main, once no process of the previous one is left.
func (s *Supervisor) next(ctx context.Context) (process.Spec, error) {
	if err := s.settle(ctx); err != nil {
		return process.Spec{}, err
	}
	lifeline, err := process.NewLifeline()
	if err != nil {
		return process.Spec{}, err
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return process.Spec{}, errors.Join(fmt.Errorf("socket for beats: %w", err), lifeline.Close())
	}
	s.run = &run{lifeline: lifeline, socket: os.NewFile(uintptr(ends[0]), "main"), mains: os.NewFile(uintptr(ends[1]), "beats"),
		reread: make(chan string, 1), over: make(chan struct{})}
	args := s.Args
	if args == nil {
		args = []string{"main"}
	}
	return process.Spec{
		Name:       "main",
		Path:       s.Path,
		Args:       args,
		Environ:    config.ForHost(s.Environ, s.Host),
		LifelineFD: lifeline.FD(),
		Slack:      process.Patient,
		Priority:   process.Urgent,
		Output:     s.output,
		Files:      []process.File{{Variable: process.SupervisorVariable, File: s.run.mains}},
	}, nil
}

// start starts main ignoring SIGHUP, which everything below it inherits.
func (s *Supervisor) start(spec process.Spec) (started process.Process, err error) {
	process.Deaf(s.hangups, func() {
		child, failure := process.Start(spec)
		if err = failure; err == nil {
			started = child
		}
	})
	return started, err
}

// observe handles and logs each event of main.
func (s *Supervisor) observe(event process.Event) {
	logger := s.Logger
	s.telling.of(event)
	switch e := event.(type) {
	case process.Started:
		s.begin(s.run, e.PID)
		logger.Info("main started", "pid", e.PID, "restarts", e.Restarts)
	case process.Ready:
		logger.Info("main beats", "pid", e.PID, "took", e.Took)
	case process.Frozen:
		logger.Error("main is frozen; killing it", "pid", e.PID, "silent", e.Silent)
	case process.Exited:
		level := slog.LevelError
		if e.Ordered && e.Exit.Clean() {
			level = slog.LevelInfo
		}
		logger.Log(context.Background(), level, "main ended", "pid", e.Exit.PID, "reason", e.Exit.String(), "took", e.Exit.Ran)
	case process.NotStarted:
		logger.Error("could not start main", "error", e.Err)
	case process.Restarting:
		if e.In > 0 {
			logger.Warn("restarting main after a delay", "in", e.In)
		}
	case process.GaveUp:
		logger.Error("main keeps failing; it is restarted again and again, but the cause must be fixed", "failures", e.Failures)
	case process.Recovered:
		logger.Info("main has recovered", "pid", e.PID)
	}
}

// begin closes main's ends of pipe and socket here, and listens to main.
func (s *Supervisor) begin(r *run, pid int) {
	r.release()
	s.running.Store(r)
	r.reading.Go(func() {
		defer close(r.over)
		buffer := make([]byte, longestMessage)
		for first := true; ; {
			n, err := r.socket.Read(buffer)
			if err != nil {
				return // main has ended, or the run is over
			}
			switch text := string(buffer[1:max(n, 1)]); {
			case n == 0:
			case buffer[0] == status:
				s.telling.main(pid, text)
			case buffer[0] == reread:
				select {
				case r.reread <- text:
				default: // no question is open
				}
			default:
				if first {
					s.keeper.Ready(pid)
					first = false
				}
				s.keeper.Beat(pid)
			}
		}
	})
}

// release closes this process's copies of main's descriptors.
func (r *run) release() {
	// Both can fail only because they are closed already.
	_ = r.lifeline.Release()
	_ = r.mains.Close()
}

// settle waits until no process of the last run is left, and kills those that do not end. It returns early only with
// ctx.
func (s *Supervisor) settle(ctx context.Context) error {
	if s.run == nil {
		return nil
	}
	s.run.release() // of a main that could not be started
	s.running.Store(nil)
	for {
		s.Unit.Alive()
		err := s.awaitLifeline(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil || !errors.Is(err, process.ErrAlive) {
			return err
		}
		killed, err := s.run.lifeline.Kill()
		s.Logger.Error("killing descendants of main that survived it", "pids", killed, "error", err)
	}
	if err := s.reap(ctx); err != nil {
		return err
	}
	// Main's messages end with it; closing wakes the reader in case a descendant held the other end.
	_ = s.run.socket.Close()
	s.run.reading.Wait()
	err := s.run.lifeline.Close()
	s.run = nil
	return err
}

func (s *Supervisor) awaitLifeline(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leftoverPatience)
	defer cancel()
	return s.run.lifeline.Wait(ctx)
}
