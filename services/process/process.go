// Package process starts child processes, watches them, keeps them running, and ensures that none outlives its
// parent.
//
// A host is a tree: supervisor, main, and main's children. A process of an earlier main must never work beside a
// later one: two updaters on one directory, or an old terminal-if that still answers. Process ids and names can't
// exclude that (ids are used again, parents die before they can clean up), so three kernel features do:
//
//   - the parent-death signal kills a child when its parent dies, however it dies. The signal fires when the *thread*
//     that created the child ends, so [Start] creates and awaits each child on a goroutine that keeps its thread.
//   - the lifeline, one pipe that every descendant holds and no process writes to. Its end of file tells the supervisor
//     that the last of them has ended ([Lifeline]). It includes children of programs that do not know of it.
//   - a child compares its parent with the one it was told of ([Inherit]), for the moment before the signal was armed.
//
// [Child] is one run of a program. [Keeper] keeps a program running: start, readiness, beats, restart by [Restarts],
// stop. Its decisions are in two pure types, [Watch] and [Restarts]; it reports what happens as an [Event].
//
//	keeper := &process.Keeper{Spec: spec, Policy: process.DefaultPolicy(), Patience: 2 * lease, Grace: 5 * time.Second, Events: report}
//	err := keeper.Run(ctx) // until ctx ends and the child is gone
//
// Linux only.
package process

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrStart is the error of Start: no process was created.
var ErrStart = errors.New("start process")

// Spec says how to start a child.
type Spec struct {
	Name       string        // name in logs and events, as "updater"
	Path       string        // program; "" for the running binary
	Args       []string      // without the program itself
	Environ    []string      // the child's whole environment; Start adds what [config.Inherited] names, and passes secrets apart ([Environ])
	LifelineFD int           // descriptor of the lifeline to pass on, from Inheritance or Lifeline; 0 for none
	Files      []File        // further descriptors to pass on
	Slack      time.Duration // timer slack, as Patient, unless the operator set one for this process; 0: that of this process
	Priority   Priority      // scheduling priority
	User       *Identity     // user to run as; nil: that of this process
	Group      bool          // make the child leader of a process group of its own; only supervisors are
	Logger     *slog.Logger  // gets the child's output line by line; nil: the child writes to Output
	Output     *os.File      // nil: where this process writes
}

// File is an open file for a child, which finds the descriptor's number in a variable.
type File struct {
	Variable string // as SupervisorVariable
	File     *os.File
}

// Child is a process that was started.
type Child struct {
	name    string
	cmd     *exec.Cmd
	slack   time.Duration
	prio    Priority
	started time.Time
	done    chan struct{} // closed when the process is gone; exit is set before
	exit    Exit
	output  *output
	words   *os.File
}

// firstFD is where exec puts the first of a child's further descriptors.
const firstFD = 3

// Process is one run of a program as a Keeper sees it. Child is the real one.
type Process interface {
	PID() int
	Done() <-chan struct{}
	Wait() Exit
	Kill() error
	Stop(grace time.Duration) (Exit, error)
	Close()
}

// Starter starts one run of a program. Its error means that no process was created.
type Starter func(Spec) (Process, error)

// startChild is the Starter of real processes.
func startChild(spec Spec) (Process, error) {
	child, err := Start(spec)
	if err != nil {
		return nil, err // not a nil *Child in an interface
	}
	return child, nil
}

// Start starts a child that dies with this process. The goroutines that await it and read its output belong to the
// child and end with it.
func Start(spec Spec) (*Child, error) {
	words, err := lastWordsFile()
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrStart, spec.Name, err)
	}
	spec.Files = append(slices.Clone(spec.Files), File{Variable: lastWordsVariable, File: words})
	child, err := start(spec, words)
	if err != nil {
		words.Close()
	}
	return child, err
}

func start(spec Spec, words *os.File) (*Child, error) {
	cmd, err := command(spec)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrStart, spec.Name, err)
	}
	for _, file := range cmd.ExtraFiles[:len(cmd.ExtraFiles)-len(spec.Files)] {
		defer file.Close() // for this start only: the lifeline's duplicate, the source of the secrets
	}
	child := &Child{name: spec.Name, cmd: cmd, slack: slackAtStart(spec.Slack, spec.Path == ""), prio: spec.Priority, done: make(chan struct{}), words: words}
	if spec.Logger != nil {
		if child.output, err = capture(cmd, spec.Logger); err != nil {
			return nil, fmt.Errorf("%w %s: %w", ErrStart, spec.Name, err)
		}
	}
	child.started = time.Now()
	began := make(chan error)
	go child.await(began)
	err = <-began
	if child.output != nil {
		child.output.begin(err == nil)
	}
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrStart, spec.Name, explained(err, cmd.Path))
	}
	return child, nil
}

// command prepares what exec needs.
func command(spec Spec) (*exec.Cmd, error) {
	path := spec.Path
	switch {
	case path == "" && spec.User.credential() != nil:
		path = running // that user may not have access to the path
	case path == "":
		path = self()
	}
	cmd := exec.Command(path, spec.Args...)
	if spec.Path == "" {
		cmd.Args[0] = "hotpair"
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if spec.Output != nil {
		cmd.Stdout, cmd.Stderr = spec.Output, spec.Output
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: spec.Group, Credential: spec.User.credential()}
	// What this process inherited has no meaning in a child, whose environment may be a copy of ours.
	cmd.Env = slices.DeleteFunc(slices.Clone(spec.Environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(inheritedVariables, name)
	})
	give := func(variable string, number int) {
		cmd.Env = append(cmd.Env, variable+"="+strconv.Itoa(number))
	}
	cmd.Env = append(cmd.Env, spec.User.environ()...) // the last of a name counts
	give(parentVariable, os.Getpid())
	if spec.LifelineFD != 0 {
		duplicate, err := unix.FcntlInt(uintptr(spec.LifelineFD), unix.F_DUPFD_CLOEXEC, firstFD)
		if err != nil {
			return nil, fmt.Errorf("lifeline: %w", err)
		}
		cmd.ExtraFiles = append(cmd.ExtraFiles, os.NewFile(uintptr(duplicate), "lifeline"))
		give(lifelineVariable, firstFD)
	}
	if spec.Path == "" { // another program would not know the path
		open, secrets, err := apart(cmd.Env)
		if err != nil {
			for _, file := range cmd.ExtraFiles {
				_ = file.Close()
			}
			return nil, err
		}
		if cmd.Env = open; secrets != nil {
			give(secretsVariable, firstFD+len(cmd.ExtraFiles))
			cmd.ExtraFiles = append(cmd.ExtraFiles, secrets)
		}
	}
	for _, file := range spec.Files {
		give(file.Variable, firstFD+len(cmd.ExtraFiles))
		cmd.ExtraFiles = append(cmd.ExtraFiles, file.File)
	}
	return cmd, nil
}

// running is the running binary, as the kernel knows it.
const running = "/proc/self/exe"

// self is the binary that is running, under its name, or by the kernel's link when the file has been replaced or removed.
func self() string {
	path, err := os.Executable()
	if err != nil || !filepath.IsAbs(path) {
		return running
	}
	named, err := os.Stat(path)
	if err != nil {
		return running
	}
	if real, err := os.Stat(running); err == nil && !os.SameFile(named, real) {
		return running
	}
	return path
}

// await runs the child on one thread from start to end, because the parent-death signal belongs to the thread.
func (c *Child) await(began chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := withSlack(c.slack, func() error { return withPriority(c.prio, c.cmd.Start) })
	began <- err
	if err != nil {
		return
	}
	// Wait's error only repeats the exit status: no goroutine of exec copies anything.
	_ = c.cmd.Wait()
	c.exit = exitOf(c.cmd.ProcessState, time.Since(c.started))
	if c.output != nil {
		c.output.end()
	}
	if !c.exit.Clean() {
		c.exit.Words = readLastWords(c.words)
	}
	if c.exit.Words == "" && (c.exit.Code > 0 || c.exit.Crashed()) && c.output != nil {
		c.exit.Words = c.output.lastWords() // all of it is in the pipe; a descendant that holds the pipe delays this briefly
	}
	c.words.Close()
	close(c.done)
}

// PID is the child's process id.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Done is closed when the process is gone.
func (c *Child) Done() <-chan struct{} { return c.done }

// Wait waits until the process has ended and returns how. It does not wait for the rest of its output, see Close.
func (c *Child) Wait() Exit {
	<-c.done
	return c.exit
}

// Signal sends a signal; a process that has ended already is not an error.
func (c *Child) Signal(signal os.Signal) error {
	if err := c.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", c.name, err)
	}
	return nil
}

// Kill sends SIGKILL, which ends a frozen process too.
func (c *Child) Kill() error { return c.Signal(syscall.SIGKILL) }

// Stop asks the process to end, kills it if it does not within grace, and waits for its end. It continues a frozen
// process, so that it can end.
func (c *Child) Stop(grace time.Duration) (Exit, error) {
	err := errors.Join(c.Signal(syscall.SIGTERM), c.Signal(syscall.SIGCONT))
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
		err = errors.Join(err, c.Kill())
	}
	return c.Wait(), err
}

// Close waits until the process is gone and its last output has been logged. A descendant that still holds the output
// delays it by a fraction of a second only.
func (c *Child) Close() {
	<-c.done
	if c.output != nil {
		c.output.wait()
	}
}
