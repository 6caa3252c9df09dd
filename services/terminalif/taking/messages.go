package taking

import (
	"context"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
)

// CallTake is terminal-if's call to the updater of its host.
var CallTake = bus.Question[Question, notice.Taken](bus.ProcessUpdater, bus.OfTerminalInterface+"commands-take")

// Question takes a command for a terminal in a term, or confirms that it was carried out. An error leaves the outcome
// unknown.
type Question struct {
	Epoch    uint64        `json:"epoch"`
	Terminal string        `json:"terminal"`
	Taking   notice.Taking `json:"taking"`
	Done     bool          `json:"done,omitempty"`
}

// Calls is an Updater that calls the updater over the bus.
type Calls struct{ Conn bus.Asker }

// Take implements Updater.
func (c Calls) Take(ctx context.Context, q Question) (notice.Taken, error) {
	return CallTake.Ask(ctx, c.Conn, q)
}
