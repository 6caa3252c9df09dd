package registry

import (
	"context"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
)

// within is the deadline of a page without Wait.
const within = 10 * time.Second

// Log is the pair's event log.
type Log interface {
	// Events returns a page of the log as this host holds it; while its updater is down, what main remembers, as the
	// page's Note says.
	Events(ctx context.Context, request bus.EventsRequest) (bus.EventsPage, error)
	// Follow returns the events of the log from a number on as they arrive; 0: only new ones. It ends when ctx or the
	// main ends.
	Follow(ctx context.Context, from uint64) <-chan operator.Event
}

// Events returns the answer to operator.CallEvents from a log.
func Events(log Log) func(context.Context, operator.Caller, operator.EventsQuery) (bus.EventsPage, error) {
	return func(ctx context.Context, _ operator.Caller, q operator.EventsQuery) (bus.EventsPage, error) {
		since, err := operator.ParseSince(q.Since, time.Now())
		if err != nil {
			return bus.EventsPage{}, err
		}
		wait, err := q.Waits()
		if err != nil {
			return bus.EventsPage{}, err
		}
		ctx, cancel := context.WithTimeout(ctx, within+wait)
		defer cancel()
		request := bus.EventsRequest{From: q.From, Limit: q.Limit, Since: since, Kind: q.Kind}
		page, err := log.Events(ctx, request)
		if err == nil && wait > 0 && len(page.Events) == 0 && page.Note == "" {
			page, err = awaitEvents(ctx, log, request, page, wait)
		}
		return page, err
	}
}

// awaitEvents waits for an event after an empty page.
func awaitEvents(ctx context.Context, log Log, request bus.EventsRequest, page bus.EventsPage, wait time.Duration) (bus.EventsPage, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over := time.NewTimer(wait)
	defer over.Stop()
	come := log.Follow(ctx, max(page.Next, 1))
	for {
		select {
		case e, ok := <-come:
			if !ok {
				return page, ctx.Err()
			}
			request.From = e.ID
			found, err := log.Events(ctx, request)
			if err != nil || len(found.Events) > 0 || found.Note != "" {
				return found, err
			}
			page.Next = max(page.Next, found.Next)
		case <-over.C:
			return page, nil
		case <-ctx.Done():
			return page, ctx.Err()
		}
	}
}
