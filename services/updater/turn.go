package updater

import (
	"context"
	"errors"
	"fmt"
)

// errTurn says that others were at it for all the time there was.
var errTurn = errors.New("the one before has not come to an end")

// turn lets one at a time do what waits for the journals. Waiting for it counts in the deadline of who waits, which waiting
// for a mutex does not.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

// take waits for the turn until ctx ends, which is errTurn; give ends it.
func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errTurn, context.Cause(ctx))
	}
}

func (t turn) give() { <-t }
