package operator

import (
	"errors"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/fault"
)

var (
	// ErrUsage says that a call or command was not understood; trying again is no use.
	ErrUsage = fault.New("usage", "wrong usage")
	// ErrRefused says that the pair can't do what was asked at the moment; the text says why. Nothing was done.
	ErrRefused = bus.ErrRefused
	// ErrUnavailable says that a part of the host that is needed for the answer is down; the text says which.
	ErrUnavailable = fault.New("unavailable", "unavailable")
	// ErrForward says that the other host has to be asked, as the active or for its part, and that it can't be reached over the
	// link; the text has its address. Whether it did what was asked is unknown if the link broke meanwhile.
	ErrForward = fault.New("forward", "the other host can't be reached over the link")
	// ErrUnfinished says that something was begun and did not end as asked; the text says what came of it.
	ErrUnfinished = fault.New("unfinished", "not finished")
	// ErrUnreachable says that no host answers at an address.
	ErrUnreachable = errors.New("host does not answer")
)

// Switchover is what a switchover did.
type Switchover struct {
	ID     string        `json:"id"`
	From   string        `json:"from"`
	Active string        `json:"active"` // who serves now
	Epoch  uint64        `json:"epoch"`
	Took   time.Duration `json:"took_ns"`
	Steps  []Event       `json:"steps"` // B3 … B9
}
