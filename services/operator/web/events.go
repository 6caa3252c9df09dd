package web

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
)

func (h *handler) events(w http.ResponseWriter, r *http.Request) error {
	request, wait, err := eventsRequest(r, time.Now())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), operator.AnswerWithin+wait)
	defer cancel()
	page, err := h.host.Events(ctx, request)
	if err == nil && wait > 0 && len(page.Events) == 0 && page.Note == "" {
		page, err = h.awaitEvents(ctx, request, page, wait)
	}
	if err != nil {
		return err
	}
	page.Events, page.Alarms = operator.OrEmpty(page.Events), operator.OrEmpty(page.Alarms)
	return answer(w, page)
}

// awaitEvents waits until there is something behind an empty page.
func (h *handler) awaitEvents(ctx context.Context, request bus.EventsRequest, page bus.EventsPage, wait time.Duration) (bus.EventsPage, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over := time.NewTimer(wait)
	defer over.Stop()
	come := h.host.Follow(ctx, max(page.Next, 1))
	for {
		select {
		case e, ok := <-come:
			if !ok {
				return page, ctx.Err()
			}
			request.From = e.ID
			found, err := h.host.Events(ctx, request)
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

// eventsRequest reads from, limit, since, kind and wait. The error is ErrUsage.
func eventsRequest(r *http.Request, now time.Time) (request bus.EventsRequest, wait time.Duration, err error) {
	var since, waiting string
	limit := uint64(operator.DefaultEvents)
	texts := map[string]*string{"since": &since, "kind": &request.Kind, "wait": &waiting}
	if err := query(r, texts, map[string]*uint64{"from": &request.From, "limit": &limit}); err != nil {
		return request, 0, err
	}
	if limit < 1 || limit > bus.MaxEvents {
		return request, 0, fmt.Errorf("%w: limit is 1 to %d", operator.ErrUsage, bus.MaxEvents)
	}
	request.Limit = int(limit)
	if request.Since, err = operator.ParseSince(since, now); err != nil {
		return request, 0, err
	}
	if err := operator.CheckKind(request.Kind); err != nil {
		return request, 0, err
	}
	if waiting != "" {
		if wait, err = time.ParseDuration(waiting); err != nil || wait < 0 || wait > operator.WaitMost {
			return request, 0, fmt.Errorf("%w: wait=%q is no duration up to %s", operator.ErrUsage, waiting, operator.WaitMost)
		}
	}
	return request, wait, nil
}
