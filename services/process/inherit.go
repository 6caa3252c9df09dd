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
	// ErrDescriptor means that a variable names a descriptor that is no pipe or socket of the parent: somebody copied the
	// environment of a child.
	ErrDescriptor = errors.New("not inherited from the parent")
)

// Inheritance is what a child has from its parent. The descriptors are plain numbers on purpose: an os.File that
// nobody refers to is closed by the garbage collector, and with the lifeline the supervisor would believe the process dead.
type Inheritance struct {
	LifelineFD   int // 0 when there is none: the process was started by hand
	SupervisorFD int // main's socket to beat on; 0 when there is none
}

// Inherit is the first act of every process that a hotpair process starts, after its configuration is loaded (whose
// faults the error would repeat). It verifies that the parent still lives, and makes the process deaf to SIGINT: Ctrl-C
// goes to the whole process group, but stopping is the supervisor's to order. Started by hand it does nothing.
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
		// Only main beats; in a child of its own the socket would stay open after main's end. The lifeline is the
		// opposite: it must stay open in everything that is ever started.
		unix.CloseOnExec(told.SupervisorFD)
	}
	if told.LastWordsFD >= firstFD {
		unix.CloseOnExec(told.LastWordsFD) // a child of its own gets another
	}
	return Inheritance{LifelineFD: told.LifelineFD, SupervisorFD: told.SupervisorFD}, nil
}

// EnsureParent returns ErrOrphan unless the parent is the process with the id given. A parent that dies later kills.
func EnsureParent(pid int) error {
	if parent := os.Getppid(); parent != pid {
		return fmt.Errorf("started by process %d, child of %d: %w", pid, parent, ErrOrphan)
	}
	return nil
}

// Outlive lets this process, and what it starts, live on without its log and without the terminal that it was started
// from: a reader of standard output or error that went away costs what is written and nothing else, and a hang-up is
// ignored. A host is ended by SIGTERM, which hands over.
func Outlive() {
	// Not ignored, which programs that are started would inherit: with somebody to tell, a write fails instead of ending us.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	signal.Ignore(syscall.SIGHUP)
}

// WithReader returns a context that ends, for a clean stop, when the reader of standard output or error has gone: the default is that
// a write ends the process at once, and everything below it.
func WithReader(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	// The signal comes for every connection too that the other side has closed: it is only a reason to look.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	go func() { // what is written at the end must not end this process either: it stays told of the signal
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

// unread reports whether a descriptor is a pipe or a terminal that nobody can read any more.
func unread(fd int32) bool {
	poll := []unix.PollFd{{Fd: fd}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n == 1 && poll[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}

// Context returns a context that the first SIGTERM, SIGINT or SIGHUP ends, for a clean stop. The second one ends the process
// at once by its default action, and so, by the parent-death signal, everything below it. SIGINT counts only where it
// is not ignored, see Inherit, and SIGHUP likewise: nohup ignores it.
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

// Hangups gives each SIGHUP from now on, which asks a daemon to read its files again. It comes after Outlive.
func Hangups() chan os.Signal {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	return hangups
}

// Deaf has start start a process while SIGHUP is ignored, and gives it to hangups again afterwards: what is ignored is inherited, what is
// handled is not, and ends a program that knows nothing of it. One that comes meanwhile is lost.
func Deaf(hangups chan<- os.Signal, start func()) {
	signal.Ignore(syscall.SIGHUP)
	defer signal.Notify(hangups, syscall.SIGHUP)
	start()
}
