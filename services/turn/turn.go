// Package turn lets one at a time do what waits for a disk or for another process.
//
// Waiting for a mutex does not count in the deadline of who waits: behind a slow disk an order would be answered long after
// main has given it up. A mutex is right where it is held for no wait at all, or where everybody behind it has the life of the
// process, which ends when its disk fails.
//
//	if err := t.Take(ctx); err != nil {
//		return err
//	}
//	defer t.Give()
package turn

import (
	"context"
	"errors"
	"fmt"
)

// ErrBusy says that others were at it for all the time there was.
var ErrBusy = errors.New("the one before has not come to an end")

// Turn is had by one at a time.
type Turn chan struct{}

// New makes a turn that nobody has.
func New() Turn { return make(Turn, 1) }

// Take waits for the turn until ctx ends, which is ErrBusy with the cause; Give ends it.
func (t Turn) Take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	}
}

// Give ends the turn of who has it.
func (t Turn) Give() { <-t }
