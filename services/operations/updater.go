package operations

import (
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/operator"
)

const (
	// tableDeadline bounds an order about what the pair keeps of itself: a change may wait for the other host's patience.
	tableDeadline = 10 * time.Second
	// shownNames is how many terminals are named.
	shownNames = 5
)

// updaterSaid gives what came of asking the updater as an operator is told it: that it does not answer, refuses, or failed.
func updaterSaid(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bus.ErrRefused):
		return err // it is the operator's too
	case fault.Remote(err):
		return fmt.Errorf("%w: updater: %w", operator.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: the updater does not answer: %w", operator.ErrUnavailable, err)
}
