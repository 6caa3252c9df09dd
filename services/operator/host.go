package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
)

var (
	// ErrUsage says that a call or command was not understood; trying again is no use.
	ErrUsage = errors.New("wrong usage")
	// ErrRefused says that the pair can't do what was asked at the moment; the text says why. Nothing was done.
	ErrRefused = errors.New("refused")
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

// outcome is how a call ended, on its way over the link from the active to the standby that forwarded it.
type outcome struct {
	Switchover *Switchover `json:"switchover,omitempty"`
	Problem    *Problem    `json:"problem,omitempty"`
}

// EncodeCall gives a switchover's caller as a LinkMessage of kind bus.LinkOperator carries it.
func EncodeCall(c Caller) json.RawMessage { return bus.EncodeJSON(c) }

// DecodeCall reads what EncodeCall wrote. The error is ErrUsage.
func DecodeCall(raw json.RawMessage) (Caller, error) {
	var c Caller
	if err := json.Unmarshal(raw, &c); err != nil {
		return Caller{}, fmt.Errorf("%w: forwarded call: %w", ErrUsage, err)
	}
	return c, nil
}

// EncodeOutcome gives what Switchover returned as the Body of the LinkReply.
func EncodeOutcome(s Switchover, err error) json.RawMessage {
	o := outcome{Switchover: &s}
	if err != nil {
		o.Problem = NewProblem(err)
	}
	return bus.EncodeJSON(o)
}

// DecodeOutcome reads what EncodeOutcome wrote, error included.
func DecodeOutcome(raw json.RawMessage) (Switchover, error) {
	var o outcome
	if err := json.Unmarshal(raw, &o); err != nil {
		return Switchover{}, fmt.Errorf("%w: its answer: %w", ErrForward, err)
	}
	var s Switchover
	if o.Switchover != nil {
		s = *o.Switchover
	}
	if o.Problem != nil {
		return s, o.Problem
	}
	if o.Switchover == nil {
		return s, fmt.Errorf("%w: its answer is empty", ErrForward)
	}
	return s, nil
}
