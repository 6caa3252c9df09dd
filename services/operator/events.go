package operator

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// PathEvents is the pair's event log.
const PathEvents = "/api/v1/events"

const (
	// DefaultEvents is how many events a page has when nobody says; at most it has bus.MaxEvents.
	DefaultEvents = 50
	// waitMost bounds how long a call waits for events to come.
	waitMost = 20 * time.Second
)

// Event is something that an operator can act on, as a host saw it.
type Event = bus.Event

// Events is what a main offers about the pair's event log.
type Events interface {
	// Events gives a page of the log as this host holds it; while its updater is down, what main remembers, which the
	// page's Note says.
	Events(ctx context.Context, request bus.EventsRequest) (bus.EventsPage, error)
	// Follow gives the events of the log from a number on as they come in; 0: those that come from now on. The channel is
	// closed when ctx or the main ends.
	Follow(ctx context.Context, from uint64) <-chan Event
	// Called makes an event of an operator's call that would change something: when it comes, and again with the reason
	// when it did not come about. It never blocks.
	Called(caller Caller, what string, failure error)
}

func (h *handler) events(w http.ResponseWriter, r *http.Request) error {
	request, wait, err := eventsRequest(r, time.Now())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin+wait)
	defer cancel()
	page, err := h.host.Events(ctx, request)
	if err == nil && wait > 0 && len(page.Events) == 0 && page.Note == "" {
		page, err = h.awaitEvents(ctx, request, page, wait)
	}
	if err != nil {
		return err
	}
	page.Events, page.Alarms = orEmpty(page.Events), orEmpty(page.Alarms)
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
	limit := uint64(DefaultEvents)
	texts := map[string]*string{"since": &since, "kind": &request.Kind, "wait": &waiting}
	if err := query(r, texts, map[string]*uint64{"from": &request.From, "limit": &limit}); err != nil {
		return request, 0, err
	}
	if limit < 1 || limit > bus.MaxEvents {
		return request, 0, fmt.Errorf("%w: limit is 1 to %d", ErrUsage, bus.MaxEvents)
	}
	request.Limit = int(limit)
	if request.Since, err = parseSince(since, now); err != nil {
		return request, 0, err
	}
	if err := checkKind(request.Kind); err != nil {
		return request, 0, err
	}
	if waiting != "" {
		if wait, err = time.ParseDuration(waiting); err != nil || wait < 0 || wait > waitMost {
			return request, 0, fmt.Errorf("%w: wait=%q is no duration up to %s", ErrUsage, waiting, waitMost)
		}
	}
	return request, wait, nil
}

// parseSince reads a time of RFC 3339, or how long ago it was; "" is the zero time. The error is ErrUsage.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Year() > 9999 {
		return time.Time{}, fmt.Errorf("%w: since %q is neither a duration like 90m nor a time like 2026-03-01T02:03:04Z", ErrUsage, text)
	}
	return at, nil
}

func checkKind(kind string) error {
	if kind == "" || slices.Contains(bus.EventKinds(), kind) {
		return nil
	}
	return fmt.Errorf("%w: there is no kind %q; there are %s", ErrUsage, kind, strings.Join(bus.EventKinds(), ", "))
}

// Events asks for a page of the event log; with wait, for one that has something, if it comes within that time. Errors:
// ErrUnreachable, ErrUsage.
func (c *Client) Events(ctx context.Context, request bus.EventsRequest, wait time.Duration) (bus.EventsPage, error) {
	q := url.Values{}
	if request.From > 0 {
		q.Set("from", strconv.FormatUint(request.From, 10))
	}
	if request.Limit > 0 {
		q.Set("limit", strconv.Itoa(request.Limit))
	}
	if !request.Since.IsZero() {
		q.Set("since", request.Since.UTC().Format(time.RFC3339Nano))
	}
	if request.Kind != "" {
		q.Set("kind", request.Kind)
	}
	if wait > 0 {
		q.Set("wait", wait.String())
	}
	var page bus.EventsPage
	return page, c.call(ctx, http.MethodGet, PathEvents+"?"+q.Encode(), &page)
}

// eventsScreen shows events, oldest first, with a line above them if they are the first.
func eventsScreen(s *screen, events []Event, first bool) {
	if first {
		s.line(pad("TIME (UTC)", 25) + pad("HOST", 7) + pad("EPOCH", 7) + pad("STEP", 6) + "EVENT")
	}
	for _, e := range events {
		epoch := ""
		if e.Epoch > 0 {
			epoch = strconv.FormatUint(e.Epoch, 10)
		}
		text := e.Text
		if e.Took > 0 {
			text += " (" + milliseconds(e.Took) + ")"
		}
		switch {
		case e.ID == 0:
			text += " [only on " + e.Host + " yet]"
		case e.Late:
			text += " [late]"
		}
		label := pad(e.Time.UTC().Format("2006-01-02 15:04:05.000"), 25) + pad(e.Host, 7) + pad(epoch, 7) + pad(e.Step, 6)
		for _, line := range wrap(printable(text), width-45) {
			s.line(label + line)
			label = strings.Repeat(" ", 45)
		}
	}
}
