package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/services/process"
)

// ErrNotGone says that processes still live that were killed or told to end.
var ErrNotGone = errors.New("processes did not end")

// tree is a process group in a node's namespace: a host, the witness or an agent. Its leader dies with this process,
// the others with the leader. All methods may be called in any state and again.
type tree struct {
	name    string
	space   *space
	argv    []string
	environ []string
	log     string // file that its output is appended to

	mu     sync.Mutex
	child  *process.Child // the leader that was started last
	clocks Clocks         // for the next start
}

// set sets variables for the next start: NAME=VALUE.
func (t *tree) set(variables ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, v := range variables {
		name, _, _ := strings.Cut(v, "=")
		t.environ = append(slices.DeleteFunc(t.environ, func(e string) bool { return strings.HasPrefix(e, name+"=") }), v)
	}
}

// start starts the leader, unless it runs.
func (t *tree) start() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pgid() != 0 {
		return nil
	}
	log, err := os.OpenFile(t.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("log of %s: %w", t.name, err)
	}
	defer log.Close() // the child has its own descriptor
	// nsenter becomes the program, with the same process id.
	t.child, err = process.Start(process.Spec{
		Name: t.name, Path: "/usr/bin/nsenter", Args: slices.Concat([]string{"--net=" + t.space.path()}, t.clocks.under(), t.argv),
		Environ: t.environ, Group: true, Output: log,
	})
	return err
}

// pgid is the group's id, 0 when its leader does not run. The lock is held.
func (t *tree) pgid() int {
	if t.child == nil {
		return 0
	}
	select {
	case <-t.child.Done():
		return 0
	default:
		return t.child.PID()
	}
}

func (t *tree) group() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pgid()
}

// signal signals every process of the group.
func (t *tree) signal(signal syscall.Signal) error {
	pgid := t.group()
	if pgid == 0 {
		return nil
	}
	if err := syscall.Kill(-pgid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("%s to %s: %w", signal, t.name, err)
	}
	return nil
}

// kill kills every process of the group, and returns when all have ended.
func (t *tree) kill(ctx context.Context) error {
	pgid := t.group()
	if err := t.signal(syscall.SIGKILL); err != nil || pgid == 0 {
		return err
	}
	return t.gone(ctx, pgid)
}

// stop asks the leader to end, and returns when all have ended. It kills those that do not end within patience, and
// reports it.
func (t *tree) stop(ctx context.Context, patience time.Duration) error {
	pgid := t.group()
	if pgid == 0 {
		return nil
	}
	if err := t.signal(syscall.SIGCONT); err != nil {
		return err
	}
	if err := syscall.Kill(pgid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop %s: %w", t.name, err)
	}
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := t.gone(patient, pgid); err != nil {
		return errors.Join(fmt.Errorf("%s after SIGTERM: %w", t.name, err), t.kill(context.WithoutCancel(ctx)))
	}
	return nil
}

// gone waits until no process of the group lives.
func (t *tree) gone(ctx context.Context, pgid int) error {
	ctx, cancel := context.WithTimeout(ctx, goneWithin)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		members, err := membersOf(pgid)
		if err != nil {
			return err
		}
		if len(members) == 0 && t.group() != pgid {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %v", t.name, ErrNotGone, members)
		case <-tick.C:
		}
	}
}

// goneWithin is generous: the machine may be busy.
const goneWithin = 30 * time.Second

// member is a living process of a group.
type member struct {
	pid  int
	name string // as the log calls it: supervisor, main, updater, terminal-if, business.kv
}

// members lists the living processes of the group.
func (t *tree) members() ([]member, error) {
	pgid := t.group()
	if pgid == 0 {
		return nil, nil
	}
	return membersOf(pgid)
}

// signalOne signals the processes of the group with a name. That there are none is not an error: they may be dead.
func (t *tree) signalOne(name string, signal syscall.Signal) error {
	members, err := t.members()
	for _, m := range members {
		if m.name == name {
			if e := syscall.Kill(m.pid, signal); e != nil && !errors.Is(e, syscall.ESRCH) {
				err = errors.Join(err, fmt.Errorf("%s to %s of %s: %w", signal, name, t.name, e))
			}
		}
	}
	return err
}

// membersOf lists the living processes of a process group; zombies do not count.
func membersOf(pgid int) ([]member, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var found []member
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // ended meanwhile
		}
		// pid (name, which may hold anything) state ppid pgrp …
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) < 3 || fields[2] != strconv.Itoa(pgid) || fields[0] == "Z" || fields[0] == "X" {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			return nil, err
		}
		arguments, err := os.ReadFile(filepath.Join(filepath.Dir(name), "cmdline"))
		if err != nil {
			continue
		}
		found = append(found, member{pid: pid, name: called(strings.Split(strings.TrimRight(string(arguments), "\x00"), "\x00"))})
	}
	slices.SortFunc(found, func(a, b member) int { return a.pid - b.pid })
	return found, nil
}

// called is the name of the process with these arguments.
func called(argv []string) string {
	if len(argv) < 2 {
		return strings.Join(argv, "")
	}
	return strings.Join(argv[1:], ".")
}
