package process

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

// Exit is how a process ended.
type Exit struct {
	PID    int
	Code   int            // exit code; -1 when a signal ended it
	Signal syscall.Signal // 0 when it exited by itself
	Ran    time.Duration
	Words  string // the reason that the process gave; empty for none
}

// Clean reports whether the process exited on its own and without an error.
func (e Exit) Clean() bool { return e.Signal == 0 && e.Code == 0 }

// Crashed reports whether a signal of its own fault ended the process; it may have said why.
func (e Exit) Crashed() bool {
	return slices.Contains([]syscall.Signal{syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGSYS, syscall.SIGTRAP}, e.Signal)
}

// String returns the reason for a log line, as "exited with code 2: no space left on device" or "ended by signal:
// killed".
func (e Exit) String() string {
	text := fmt.Sprintf("exited with code %d", e.Code)
	if e.Signal != 0 {
		text = "ended by signal: " + e.Signal.String()
	}
	if e.Words != "" {
		text += ": " + e.Words
	}
	return text
}

func exitOf(state *os.ProcessState, ran time.Duration) Exit {
	exit := Exit{PID: state.Pid(), Code: state.ExitCode(), Ran: ran}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		exit.Signal = status.Signal()
	}
	return exit
}
