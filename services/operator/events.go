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
	// WaitMost bounds how long a call waits for events to come.
	WaitMost = 20 * time.Second
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

// ParseSince reads a time of RFC 3339, or how long ago it was; "" is the zero time. The error is ErrUsage.
func ParseSince(text string, now time.Time) (time.Time, error) {
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

// CheckKind refuses a kind of events that there is not. The error is ErrUsage.
func CheckKind(kind string) error {
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
