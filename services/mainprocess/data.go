package mainprocess

import (
	"context"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/events"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/operator"
)

// diverged gives what this host has set aside: its files, or the updates of one.
func (h *host) diverged(ctx context.Context, _ operator.Caller, q bus.AsideRequest) (bus.AsidePage, error) {
	page, err := bus.CallAside.PostWait(ctx, h.orders, q, orderDeadline)
	if errors.Is(err, bus.ErrAbsent) {
		return page, fmt.Errorf("%w: %w", operator.ErrUsage, err)
	}
	return page, updaterSaid(err)
}

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

// noteOutcome makes an event of what came of an operator's call.
func (h *host) noteOutcome(caller operator.Caller, what, text string) {
	h.tell(bus.Event{
		Kind: bus.EventOperator, Epoch: h.driver.View().Known, Text: text,
		Details: map[string]string{events.DetailWhat: what, events.DetailCall: caller.ID, events.DetailFrom: caller.From, events.DetailVia: h.config.Host},
	}, false)
}
