package operator

import (
	"context"
	"fmt"
	"slices"

	"github.com/hotpair/hotpair/bus"
)

func (h *table) Events(ctx context.Context, q bus.EventsRequest) (bus.EventsPage, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	page := bus.EventsPage{Note: h.note, Next: max(q.From, 1)}
	if h.err != nil {
		return page, h.err
	}
	first := uint64(0)
	if q.From == 0 && q.Since.IsZero() {
		first = uint64(max(0, len(h.log)-q.Limit)) + 1
	}
	for _, e := range h.log {
		if e.ID == 0 && h.note == "" || e.ID != 0 && e.ID < max(q.From, first) || len(page.Events) == q.Limit {
			continue
		}
		page.Next = max(page.Next, e.ID+1)
		if (q.Kind == "" || e.Kind == q.Kind) && !e.Time.Before(q.Since) {
			page.Events = append(page.Events, e)
		}
	}
	page.First, page.Last = 1, uint64(len(h.log))
	return page, nil
}

func (h *table) Follow(ctx context.Context, from uint64) <-chan Event {
	out := make(chan Event)
	go func() {
		defer close(out)
		for {
			h.mu.Lock()
			i := slices.IndexFunc(h.log, func(e Event) bool { return e.ID >= from })
			var e Event
			if i >= 0 {
				e = h.log[i]
			}
			if h.more == nil {
				h.more = make(chan struct{})
			}
			more := h.more
			h.mu.Unlock()
			if i >= 0 {
				select {
				case out <- e:
					from = e.ID + 1
				case <-ctx.Done():
					return
				}
				continue
			}
			select {
			case <-more:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// happens adds an event to the log.
func (h *table) happens(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e.ID = uint64(len(h.log)) + 1
	h.log = append(h.log, e)
	if h.more != nil {
		close(h.more)
		h.more = nil
	}
}

func (h *table) Called(c Caller, what string, failure error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.called = append(h.called, fmt.Sprintf("%s by %s: %v", what, c.From, failure))
}

func (h *table) Alarms(context.Context) AlarmList {
	h.mu.Lock()
	defer h.mu.Unlock()
	return AlarmList{Host: "a", Alarms: h.status.Alarms, Hooks: []HookState{{Name: "webhook", Told: 1, Failed: 2, Dropped: 3, Problem: "503"}}}
}

func (h *table) AckAlarm(_ context.Context, c Caller, q AckRequest) (Acknowledged, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.callers = append(h.callers, c)
	return Acknowledged{ID: c.ID, Alarm: Alarm{ID: q.ID, Text: "60 of 100"}}, h.err
}

// logTable is what a table has of events.
type logTable struct {
	log    []Event
	note   string
	more   chan struct{}
	called []string
}
