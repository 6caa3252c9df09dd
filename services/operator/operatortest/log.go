package operatortest

import (
	"context"
	"fmt"
	"slices"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
)

func (h *Host) Events(ctx context.Context, q bus.EventsRequest) (bus.EventsPage, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	page := bus.EventsPage{Note: h.Note, Next: max(q.From, 1)}
	if h.Err != nil {
		return page, h.Err
	}
	first := uint64(0)
	if q.From == 0 && q.Since.IsZero() {
		first = uint64(max(0, len(h.Entries)-q.Limit)) + 1
	}
	for _, e := range h.Entries {
		if e.ID == 0 && h.Note == "" || e.ID != 0 && e.ID < max(q.From, first) || len(page.Events) == q.Limit {
			continue
		}
		page.Next = max(page.Next, e.ID+1)
		if (q.Kind == "" || e.Kind == q.Kind) && !e.Time.Before(q.Since) {
			page.Events = append(page.Events, e)
		}
	}
	page.First, page.Last = 1, uint64(len(h.Entries))
	return page, nil
}

func (h *Host) Follow(ctx context.Context, from uint64) <-chan operator.Event {
	out := make(chan operator.Event)
	go func() {
		defer close(out)
		for {
			h.Mu.Lock()
			i := slices.IndexFunc(h.Entries, func(e operator.Event) bool { return e.ID >= from })
			var e operator.Event
			if i >= 0 {
				e = h.Entries[i]
			}
			if h.more == nil {
				h.more = make(chan struct{})
			}
			more := h.more
			h.Mu.Unlock()
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
func (h *Host) Happens(e operator.Event) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	e.ID = uint64(len(h.Entries)) + 1
	h.Entries = append(h.Entries, e)
	if h.more != nil {
		close(h.more)
		h.more = nil
	}
}

func (h *Host) Called(c operator.Caller, what string, failure error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.Calls = append(h.Calls, fmt.Sprintf("%s by %s: %v", what, c.From, failure))
}

func (h *Host) Alarms(context.Context) (operator.AlarmList, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	return operator.AlarmList{Host: "a", Alarms: h.Now.Alarms, Hooks: []operator.HookState{{Name: "webhook", Told: 1, Failed: 2, Dropped: 3, Problem: "503"}}}, nil
}

func (h *Host) AckAlarm(_ context.Context, c operator.Caller, q operator.AckRequest) (operator.Acknowledged, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.Callers = append(h.Callers, c)
	return operator.Acknowledged{ID: c.ID, Alarm: operator.Alarm{ID: q.ID, Text: "60 of 100"}}, h.Err
}

// Logbook is what a Host has of events.
type Logbook struct {
	Entries []operator.Event
	Note    string
	more    chan struct{}
	Calls   []string
}
