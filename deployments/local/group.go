package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/services/process"
)

// ErrState says that a host is not in the state that the order needs: already running, not running, not frozen.
var ErrState = errors.New("not possible in this state")

// command is what a group runs.
type command struct {
	argv []string
	env  []string
	log  string // file that standard output and error are appended to
}

// group is a process tree in its own process group: a host, the witness, the terminals or the load. Its leader dies
// with this process (see package process), the others die with the leader.
type group struct {
	name    string
	command command

	mu     sync.Mutex
	child  *process.Child // the leader; nil when it was never started
	frozen bool           // by freeze
	asked  bool           // the end was ordered, so it is not reported
}

// groupState is the state of a group at one moment.
type groupState struct {
	pgid   int // 0 while it does not run
	frozen bool
	asked  bool
	exit   *process.Exit // how the leader ended; nil while it runs, and if it was never started
}

func (g *group) state() groupState {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := groupState{frozen: g.frozen, asked: g.asked}
	switch {
	case g.child == nil:
	case g.ended():
		exit := g.child.Wait()
		s.exit = &exit
	default:
		s.pgid = g.child.PID()
	}
	return s
}

func (g *group) ended() bool {
	select {
	case <-g.child.Done():
		return true
	default:
		return false
	}
}

// start starts the leader. Errors: ErrState when it runs, process.ErrStart.
func (g *group) start() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.child != nil && !g.ended() {
		return fmt.Errorf("%w: %s already runs (process group %d)", ErrState, title(g.name), g.child.PID())
	}
	log, err := os.OpenFile(g.command.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("log of %s: %w", title(g.name), err)
	}
	defer log.Close() // the child has its own descriptor
	child, err := process.Start(process.Spec{
		Name: g.name, Path: g.command.argv[0], Args: g.command.argv[1:], Environ: g.command.env, Group: true, Slack: process.Patient, Output: log,
	})
	if err != nil {
		return err
	}
	g.child, g.frozen, g.asked = child, false, false
	return nil
}

// running returns the group's id and the channel of its leader's end. ErrState if it does not run.
func (g *group) running() (int, <-chan struct{}, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.child == nil || g.ended() {
		return 0, nil, fmt.Errorf("%w: %s does not run", ErrState, title(g.name))
	}
	return g.child.PID(), g.child.Done(), nil
}

// kill sends SIGKILL to the whole group and returns when all its processes have ended.
func (g *group) kill(ctx context.Context) error {
	pgid, ended, err := g.running()
	if err != nil {
		return err
	}
	g.expectEnd()
	if err := signalGroup(pgid, syscall.SIGKILL); err != nil {
		return err
	}
	return g.awaitGone(ctx, pgid, ended)
}

// stop sends SIGTERM to the leader only, as an operator or systemd does, after continuing frozen processes. If the
// group has not ended within patience, it is killed and an error returned.
func (g *group) stop(ctx context.Context, patience time.Duration) error {
	pgid, ended, err := g.running()
	if err != nil {
		return err
	}
	g.expectEnd()
	if err := g.resume(pgid); err != nil {
		return err
	}
	if err := syscall.Kill(pgid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("SIGTERM to %s: %w", title(g.name), err)
	}
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := g.awaitGone(patient, pgid, ended); err == nil {
		return nil
	}
	if err := signalGroup(pgid, syscall.SIGKILL); err != nil {
		return err
	}
	return errors.Join(fmt.Errorf("%s did not stop within %s after SIGTERM and was killed", title(g.name), patience),
		g.awaitGone(context.WithoutCancel(ctx), pgid, ended))
}

// freeze stops every process of the group (SIGSTOP) and returns when all have stopped. A process that waits in the
// kernel with a pending stop counts as stopped: the parent of a child that was stopped between vfork and exec waits
// there as long as the child is frozen.
func (g *group) freeze(ctx context.Context) error {
	pgid, _, err := g.running()
	if err != nil {
		return err
	}
	if err := signalGroup(pgid, syscall.SIGSTOP); err != nil {
		return err
	}
	g.mu.Lock()
	g.frozen = true
	g.mu.Unlock()
	return await(ctx, func() (bool, error) {
		members, err := membersOf(pgid)
		for _, m := range members {
			still := m.state == 'T' || m.state == 't' || m.state == 'D' && stopPending(m.pid)
			if !still {
				// A process created meanwhile did not get the signal.
				return false, errors.Join(err, signalGroup(pgid, syscall.SIGSTOP))
			}
		}
		return true, err
	})
}

// thaw continues a frozen group. ErrState if it is not frozen.
func (g *group) thaw() error {
	pgid, _, err := g.running()
	if err != nil {
		return err
	}
	if !g.state().frozen {
		return fmt.Errorf("%w: %s is not frozen", ErrState, title(g.name))
	}
	return g.resume(pgid)
}

func (g *group) resume(pgid int) error {
	if err := signalGroup(pgid, syscall.SIGCONT); err != nil {
		return err
	}
	g.mu.Lock()
	g.frozen = false
	g.mu.Unlock()
	return nil
}

func (g *group) expectEnd() {
	g.mu.Lock()
	g.asked = true
	g.mu.Unlock()
}

// awaitGone waits until the leader has been waited for and no other process of the group lives.
func (g *group) awaitGone(ctx context.Context, pgid int, ended <-chan struct{}) error {
	select {
	case <-ended:
	case <-ctx.Done():
		return fmt.Errorf("%s did not end: %w", title(g.name), ctx.Err())
	}
	return await(ctx, func() (bool, error) {
		members, err := membersOf(pgid)
		return len(members) == 0, err
	})
}

// signalGroup signals all of a group. A missing group is not an error.
func signalGroup(pgid int, signal syscall.Signal) error {
	if err := syscall.Kill(-pgid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("%s to process group %d: %w", signal, pgid, err)
	}
	return nil
}

// await checks each millisecond until done, an error, or the end of ctx. The kernel offers no way to wait for
// processes that are not our children.
func await(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// stopPending reports whether a process has a pending stop signal.
func stopPending(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		set, found := strings.CutPrefix(line, "ShdPnd:")
		if !found {
			continue
		}
		pending, err := strconv.ParseUint(strings.TrimSpace(set), 16, 64)
		return err == nil && pending&(1<<(syscall.SIGSTOP-1)) != 0
	}
	return false
}

// member is one living process of a group.
type member struct {
	pid   int
	state byte // as /proc has it: R, S, D, T, …
}

// membersOf lists the living processes of a process group. Zombies whose parent never reaps them (the first process
// of a container) do not count.
func membersOf(pgid int) ([]member, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var members []member
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // ended meanwhile
		}
		// pid (name, which may hold anything) state ppid pgrp …
		_, after, _ := strings.Cut(string(text[max(0, strings.LastIndexByte(string(text), ')')):]), ")")
		fields := strings.Fields(after)
		if len(fields) < 3 || fields[2] != strconv.Itoa(pgid) {
			continue
		}
		if state := fields[0][0]; state != 'Z' && state != 'X' {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			if err != nil {
				return nil, err
			}
			members = append(members, member{pid, state})
		}
	}
	return members, nil
}
