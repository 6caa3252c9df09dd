package process

import "time"

// Event is something that happened to a kept process. Its types are the whole list.
type Event interface{ event() }

// Started means that a process was created; Restarts counts how often before.
type Started struct {
	PID      int
	Restarts int
}

// Ready means that the process was reported ready, Took after its start.
type Ready struct {
	PID  int
	Took time.Duration
}

// Frozen means that the process did not beat for Silent. It has been killed; Exited follows.
type Frozen struct {
	PID    int
	Silent time.Duration
}

// Exited means that the process is gone. Ordered tells that the keeper was told to end it.
type Exited struct {
	Exit    Exit
	Ordered bool
}

// String is a reason for a log line: that of the exit, and that it was one of the process's own will where that is not seen. A program
// that has nothing left to do ends well, and whoever looks for a failure finds none.
func (e Exited) String() string {
	if e.Exit.Clean() && !e.Ordered {
		return e.Exit.String() + " by itself, though it is to run until it is told to end"
	}
	return e.Exit.String()
}

// NotStarted means that no process came to be. It counts as a failure like an exit.
type NotStarted struct{ Err error }

// Restarting means that the next start comes in In; Failures is the decayed count.
type Restarting struct {
	In       time.Duration
	Failures float64
}

// GaveUp means that the policy holds further restarts for useless. The keeper keeps trying until it is stopped: who
// has somebody to hand over to does that, who has nobody is still better served by a process that comes back at last.
// It is said once, until Recovered.
type GaveUp struct{ Failures float64 }

// Renewing means that another run was wanted, and begins now: an Exited that was ordered came before, if there was a run.
type Renewing struct{}

// Recovered means that after GaveUp the process has been ready for long enough to be trusted again.
type Recovered struct{ PID int }

func (Started) event()    {}
func (Ready) event()      {}
func (Frozen) event()     {}
func (Exited) event()     {}
func (NotStarted) event() {}
func (Restarting) event() {}
func (GaveUp) event()     {}
func (Renewing) event()   {}
func (Recovered) event()  {}

// State is what a kept process is doing, as status shows it.
type State string

// The states of a kept process.
const (
	StateStopped  State = "stopped"  // Run has not begun or has ended
	StateStarting State = "starting" // started, not yet ready
	StateReady    State = "ready"
	StateFrozen   State = "frozen"  // being killed
	StateWaiting  State = "waiting" // for the next start
	StateStopping State = "stopping"
)

// Status is a kept process at one moment.
type Status struct {
	PID      int // 0 when there is none
	State    State
	Restarts int // starts after the first, but for those by Renew
	GaveUp   bool
	Trouble  string // how the run before ended, or why there was none; empty while there was no end
}
