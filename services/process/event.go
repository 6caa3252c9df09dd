package process

import "time"

// Event is something that happened to a kept process: one of the types below.
type Event interface{ event() }

// Started means that a process was created; Restarts counts the earlier starts.
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

// Exited means that the process has ended. Ordered means that the keeper ended it.
type Exited struct {
	Exit    Exit
	Ordered bool
}

// String returns the reason for a log line: that of the exit, and whether the process ended on its own where that is
// not evident. A program that has nothing left to do exits cleanly, so nothing else would show the failure.
func (e Exited) String() string {
	if e.Exit.Clean() && !e.Ordered {
		return e.Exit.String() + " on its own, but it must run until it is told to end"
	}
	return e.Exit.String()
}

// NotStarted means that no process could be created. It counts as a failure, like an exit.
type NotStarted struct{ Err error }

// Restarting means that the next start comes in In; Failures is the decayed count.
type Restarting struct {
	In       time.Duration
	Failures float64
}

// GaveUp means that the policy considers further restarts useless. The keeper keeps trying until it is stopped: a
// host with a partner hands over; one without is still better served by a process that comes back at last. It is sent
// once, until Recovered.
type GaveUp struct{ Failures float64 }

// Renewing means that another run was requested, and begins now; if there was a run, an ordered Exited came before.
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
	StateWaiting  State = "waiting" // waiting for the next start
	StateStopping State = "stopping"
)

// Status is a kept process at one moment.
type Status struct {
	PID      int // 0 when there is none
	State    State
	Restarts int // starts after the first, except those by Renew
	GaveUp   bool
	Trouble  string // how the previous run ended, or why it could not start; empty if there was none
}
