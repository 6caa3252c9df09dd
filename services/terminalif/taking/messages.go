package taking

import (
	"context"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
)

// CallTake is what terminal-if asks the updater of its host.
var CallTake = bus.Question[Question, notice.Taken](bus.ProcessUpdater, bus.OfTerminalInterface+"commands-take")

// Question has a terminal take a command in a term, or says that it was carried out. The error says that nobody knows what came of it.
type Question struct {
	Epoch    uint64        `json:"epoch"`
	Terminal string        `json:"terminal"`
	Taking   notice.Taking `json:"taking"`
	Done     bool          `json:"done,omitempty"`
}

// Calls is an Updater that is asked over the bus.
type Calls struct{ Conn bus.Asker }

// Take implements Updater.
func (c Calls) Take(ctx context.Context, q Question) (notice.Taken, error) {
	return CallTake.Ask(ctx, c.Conn, q)
}
