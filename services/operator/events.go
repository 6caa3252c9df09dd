package operator

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
)

const (
	// DefaultEvents is how many events a page has by default; the most is bus.MaxEvents.
	DefaultEvents = 50
	// WaitMost bounds how long a call waits for events to come.
	WaitMost = 20 * time.Second
)

// Event is an occurrence that matters to operators, as a host saw it.
type Event = bus.Event

// EventsQuery asks for a page of the event log; with Wait it waits up to that time for an event.
type EventsQuery struct {
	From  uint64 `json:"from,omitempty"`  // first number
	Limit int    `json:"limit,omitempty"` // how many
	Since string `json:"since,omitempty"` // a time, or a duration before now
	Kind  string `json:"kind,omitempty"`  // only events of this kind
	Wait  string `json:"wait,omitempty"`  // how long to wait for an event, a duration
}

func (q *EventsQuery) check() error {
	_, since := ParseSince(q.Since, time.Now())
	_, wait := q.Waits()
	return cmp.Or(bounded("limit", q.Limit, bus.MaxEvents), since, CheckKind(q.Kind), wait)
}

// Waits returns how long to wait. The error is ErrUsage.
func (q *EventsQuery) Waits() (time.Duration, error) {
	if q.Wait == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(q.Wait)
	if err != nil || wait < 0 || wait > WaitMost {
		return 0, fmt.Errorf("%w: wait=%q is not a duration up to %s", ErrUsage, q.Wait, WaitMost)
	}
	return wait, nil
}

// ParseSince parses a time of RFC 3339 or a duration before now; "" is the zero time. The error is ErrUsage.
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

// CheckKind refuses an unknown kind of events. The error is ErrUsage.
func CheckKind(kind string) error {
	if kind == "" || slices.Contains(bus.EventKinds(), kind) {
		return nil
	}
	return fmt.Errorf("%w: there is no kind %q; there are %s", ErrUsage, kind, strings.Join(bus.EventKinds(), ", "))
}
