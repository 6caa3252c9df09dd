package operator

import (
	"encoding/json"
	"fmt"

	"github.com/hotpair/hotpair/bus"
)

// Call is an operator's call on its way over the link: from the standby that took it to the active, which alone can do
// what it asks for.
type Call struct {
	What      string          `json:"what"` // name of the call, like switchover
	Caller    Caller          `json:"caller"`
	Arguments json.RawMessage `json:"arguments,omitempty"`
}

// CallSwitchover is the call of Host.Switchover.
const CallSwitchover = "switchover"

// Forwarded is a call on the link. Its answer is what EncodeOutcome gives.
type Forwarded struct {
	bus.LinkSender
	Call Call `json:"call"`
}

// CallForwarded is where the other main takes it.
var CallForwarded = bus.Call[Forwarded, json.RawMessage]("link.bulk.operator")

// outcome is how a call ended, on its way back.
type outcome struct {
	Result  json.RawMessage `json:"result,omitempty"`
	Problem *Problem        `json:"problem,omitempty"`
}

// EncodeOutcome gives what a call returned, error included, as the answer to CallForwarded.
func EncodeOutcome(result any, err error) json.RawMessage {
	o := outcome{Result: bus.EncodeJSON(result)}
	if err != nil {
		o.Problem = NewProblem(err)
	}
	return bus.EncodeJSON(o)
}

// DecodeOutcome reads what EncodeOutcome wrote into result, and gives the error that the call ended with.
func DecodeOutcome(raw json.RawMessage, result any) error {
	var o outcome
	if err := json.Unmarshal(raw, &o); err != nil {
		return fmt.Errorf("%w: its answer: %w", ErrForward, err)
	}
	if o.Result != nil {
		if err := json.Unmarshal(o.Result, result); err != nil {
			return fmt.Errorf("%w: its answer: %w", ErrForward, err)
		}
	}
	switch {
	case o.Problem != nil:
		return o.Problem
	case o.Result == nil:
		return fmt.Errorf("%w: its answer is empty", ErrForward)
	}
	return nil
}
