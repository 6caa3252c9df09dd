package outbox

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/commands"
)

// validateFence refuses a fenced notice to all terminals: each terminal takes it for itself, so every terminal would
// execute it.
func (n *Notice) validateFence() error {
	switch {
	case !n.Fenced && n.Within != 0:
		return fmt.Errorf("%w: a notice on %s has a time limit (%v) but is not fenced", ErrMalformed, n.Topic, n.Within)
	case !n.Fenced:
		return nil
	case n.All:
		return fmt.Errorf("%w: a fenced notice on %s is for all, so every terminal would execute it: name the terminals", ErrMalformed, n.Topic)
	case n.Within < time.Millisecond || n.Within > commands.MaxWithin:
		return fmt.Errorf("%w: a fenced notice on %s has a time limit of %v; it must be 1ms to %v", ErrMalformed, n.Topic, n.Within, commands.MaxWithin)
	}
	return nil
}
