package operator

import (
	"context"
	"errors"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
)

// Data is what a main offers about the data of the pair.
type Data interface {
	TerminalTable
	Verification
	Backups
	Divergence
}

// Decisions is what a main offers about who serves: what an operator may order, and what it would decide by itself.
type Decisions interface {
	Pauses
	Explaining
	Promoting
	Scheduling
	Examining
}

const PathSwitchover = "/api/v1/switchover"

const (
	// AnswerWithin is the deadline of a read; SwitchoverWithin that of a switchover, whose own steps have shorter ones.
	AnswerWithin     = 10 * time.Second
	SwitchoverWithin = 30 * time.Second
)

var (
	// ErrUsage says that a call or command was not understood; trying again is no use.
	ErrUsage = errors.New("wrong usage")
	// ErrRefused says that the pair can't do what was asked at the moment; the text says why. Nothing was done.
	ErrRefused = bus.ErrRefused
	// ErrUnavailable says that a part of the host that is needed for the answer is down; the text says which.
	ErrUnavailable = errors.New("unavailable")
	// ErrForward says that only the active can do this and that it can't be reached over the link; the text has its
	// address. Whether it did what was asked is unknown if the link broke meanwhile.
	ErrForward = errors.New("the active can't be reached over the link")
	// ErrUnfinished says that something was begun and did not end as asked; the text says what came of it.
	ErrUnfinished = errors.New("not finished")
	// ErrUnreachable says that no host answers at an address.
	ErrUnreachable = errors.New("host does not answer")
)

// Host is what a main offers to operators.
type Host interface {
	// Status gives the present state. It must answer whatever else is down.
	Status(ctx context.Context) Status
	// Right is the right to answer that terminal-if has, at this moment.
	Right() lease.Right
	// History gives a page of the update history. ErrUnavailable while the updater is down.
	History(ctx context.Context, request bus.HistoryRequest) (bus.HistoryPage, error)
	// Switchover makes the other host active, and returns when it serves. A standby forwards it to the active. Errors:
	// ErrRefused, ErrForward, ErrUnfinished (with the steps that were made).
	Switchover(ctx context.Context, caller Caller) (Switchover, error)
	Measured
	Neighbour
	Data
	Decisions
	Events
	Alarming
}

// Caller is who wants something, for the events and the log.
type Caller struct {
	ID   string `json:"id"`   // one for each call, kept when a standby forwards it
	From string `json:"from"` // address of the client
	Via  string `json:"via"`  // host that took the call
}

// Switchover is what a switchover did.
type Switchover struct {
	ID     string        `json:"id"`
	From   string        `json:"from"`
	Active string        `json:"active"` // who serves now
	Epoch  uint64        `json:"epoch"`
	Took   time.Duration `json:"took_ns"`
	Steps  []Event       `json:"steps"` // B3 … B9
}
