package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/config"
)

// The variables by which a parent tells a child what it inherits; config.Inherited describes them.
const (
	SupervisorVariable = "HOTPAIR_SUPERVISOR_FD"
	lifelineVariable   = "HOTPAIR_LIFELINE_FD"
	lastWordsVariable  = "HOTPAIR_LAST_WORDS_FD"
	parentVariable     = "HOTPAIR_PARENT_PID"
)

var inheritedVariables = []string{SupervisorVariable, lifelineVariable, lastWordsVariable, parentVariable, secretsVariable}

var (
	// ErrOrphan means that the parent died before its death signal was armed. The process must end at once.
	ErrOrphan = errors.New("the parent process is gone")
	// ErrDescriptor means that a variable names a descriptor that is not a pipe or socket of the parent: the
	// environment of a child was copied.
	ErrDescriptor = errors.New("not inherited from the parent process")
)

// Inheritance is what a child gets from its parent. The descriptors are plain numbers on purpose: the garbage
// collector closes an unreferenced os.File, and without the lifeline the supervisor would consider the process dead.
type Inheritance struct {
	LifelineFD   int // 0 when there is none: the process was started by hand
	SupervisorFD int // main's socket to beat on; 0 when there is none
}

// Inherit is the first call of every process that a hotpair process starts, after its configuration is loaded (whose
// errors it would repeat). It checks that the parent still lives, and makes the process ignore SIGINT: Ctrl-C goes to
// the whole process group, but the supervisor orders the stop. In a process started by hand it does nothing.
func Inherit(environ []string) (Inheritance, error) {
	told, err := config.Load[config.Inherited](environ)
	if err != nil {
		return Inheritance{}, fmt.Errorf("inherit: %w", err)
	}
	if told.ParentPID == 0 {
		return Inheritance{}, nil
	}
	if err := EnsureParent(told.ParentPID); err != nil {
		return Inheritance{}, err
	}
	signal.Ignore(syscall.SIGINT)
	for variable, fd := range map[string]int{lifelineVariable: told.LifelineFD, SupervisorVariable: told.SupervisorFD} {
		var stat unix.Stat_t
		if fd == 0 {
			continue
		}
		err := unix.Fstat(fd, &stat)
		kind := stat.Mode & unix.S_IFMT
		if err != nil || fd < 3 || kind != unix.S_IFIFO && (variable != SupervisorVariable || kind != unix.S_IFSOCK) {
			return Inheritance{}, fmt.Errorf("%s=%d: %w", variable, fd, ErrDescriptor)
		}
	}
	if told.SupervisorFD != 0 {
		// Only main beats; in a child of main the socket would stay open after main's end. The lifeline is the
		// opposite: it must stay open in all descendants.
		unix.CloseOnExec(told.SupervisorFD)
	}
	if told.LastWordsFD >= firstFD {
		unix.CloseOnExec(told.LastWordsFD) // a child of its own gets another one
	}
	return Inheritance{LifelineFD: told.LifelineFD, SupervisorFD: told.SupervisorFD}, nil
}

// EnsureParent returns ErrOrphan unless the parent is the process with the given id. The parent-death signal covers a
// later death.
func EnsureParent(pid int) error {
	if parent := os.Getppid(); parent != pid {
		return fmt.Errorf("started by process %d, child of %d: %w", pid, parent, ErrOrphan)
	}
	return nil
}

// Outlive lets this process and its children live on without a log and without the terminal they were started from:
// if the reader of standard output or error goes away, only the output is lost, and SIGHUP is ignored. SIGTERM, which
// hands over, ends a host.
func Outlive() {
	// Handled, not ignored, since child programs would inherit that: a write then fails instead of ending the
	// process.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	signal.Ignore(syscall.SIGHUP)
}

// WithReader returns a context that ends, for a clean stop, when the reader of standard output or error has gone. By
// default a write would end the process at once, with everything below it.
func WithReader(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	// The signal also comes for connections that the other side has closed, so it only prompts a look.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	go func() { // output at the end must not end this process either: keep handling the signal
		for {
			select {
			case <-broken:
				if unread(1) || unread(2) {
					cancel()
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, cancel
}

// unread reports whether a descriptor is a pipe or a terminal without a reader.
func unread(fd int32) bool {
	poll := []unix.PollFd{{Fd: fd}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n == 1 && poll[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}

// Context returns a context that the first SIGTERM, SIGINT or SIGHUP ends, for a clean stop. The second one ends the
// process at once by its default action, and through the parent-death signal everything below it. SIGINT counts only
// where it is not ignored, see Inherit, and so does SIGHUP: nohup ignores it.
func Context(parent context.Context) (context.Context, context.CancelFunc) {
	signals := []os.Signal{syscall.SIGTERM}
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signals = append(signals, s)
		}
	}
	ctx, stop := signal.NotifyContext(parent, signals...)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// Hangups returns each SIGHUP from now on, which asks a daemon to reload its files. Call it after Outlive.
func Hangups() chan os.Signal {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	return hangups
}

// Deaf calls start while SIGHUP is ignored, then delivers it to hangups again. Children inherit an ignored signal but
// not a handler, so SIGHUP would end a program that does not handle it. A SIGHUP meanwhile is lost.
func Deaf(hangups chan<- os.Signal, start func()) {
	signal.Ignore(syscall.SIGHUP)
	defer signal.Notify(hangups, syscall.SIGHUP)
	start()
}
