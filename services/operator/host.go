package operator

import (
	"errors"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/fault"
)

var (
	// ErrUsage says that a call or command was not understood; a retry is useless.
	ErrUsage = fault.New("usage", "wrong usage")
	// ErrRefused says that the pair can't do what was asked at the moment; the text says why. Nothing was done.
	ErrRefused = bus.ErrRefused
	// ErrUnavailable says that a part of the host that the answer needs is down; the text says which.
	ErrUnavailable = fault.New("unavailable", "unavailable")
	// ErrForward says that the call needs the other host, which can't be reached over the link; the text has its
	// address. If the link broke during the call, it is unknown whether the call was executed.
	ErrForward = fault.New("forward", "the other host can't be reached over the link")
	// ErrUnfinished says that the work was begun and did not end as requested; the text says how it ended.
	ErrUnfinished = fault.New("unfinished", "not finished")
	// ErrUnreachable says that no host answers at an address.
	ErrUnreachable = errors.New("host does not answer")
)

// Switchover is the result of a switchover.
type Switchover struct {
	ID     string        `json:"id"`
	From   string        `json:"from"`
	Active string        `json:"active"` // the host that serves now
	Epoch  uint64        `json:"epoch"`
	Took   time.Duration `json:"took_ns"`
	Steps  []Event       `json:"steps"` // B3 … B9
}
