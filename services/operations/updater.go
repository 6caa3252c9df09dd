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
	// tableDeadline bounds an order about the pair's own data: a change may wait for the other host for
	// HOTPAIR_STANDBY_PATIENCE.
	tableDeadline = 10 * time.Second
	// shownNames bounds how many terminals a text names.
	shownNames = 5
)

// updaterSaid converts an error of a call to the updater for an operator: it does not answer, refuses, or failed.
func updaterSaid(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bus.ErrRefused):
		return err // it is for the operator as it is
	case fault.Remote(err):
		return fmt.Errorf("%w: updater: %w", operator.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: the updater does not answer: %w", operator.ErrUnavailable, err)
}
