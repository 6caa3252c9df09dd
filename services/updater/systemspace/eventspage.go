package systemspace

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/storage"
)

const (
	// eventsView bounds how many events one view looks at: a view stands in the way of commits when the file grows.
	eventsView = 500
	// eventsLooked bounds how many one page looks at, as when few are of the kind that is wanted; Next goes on behind them.
	eventsLooked = 20_000
	// eventsBytes bounds a page: it must fit into one message, and into one of the link's when it is passed on.
	eventsBytes = 512 << 10
	// pinnedAlarms bounds the alarms of a page; each has an id of its own, and there are few.
	pinnedAlarms = 64
)

// eventsOf answers bus.EventsRequest from what is committed, in either role. Between two views it rests as long as the last one took.
func eventsOf(ctx context.Context, s Viewer, q bus.EventsRequest) (bus.EventsPage, error) {
	page := eventsReader{q: q, limit: q.Limit}
	if page.limit <= 0 || page.limit > bus.MaxEvents {
		page.limit = bus.MaxEvents
	}
	for done := false; !done; {
		began := time.Now()
		err := s.View(func(r *storage.Reader) (err error) {
			done, err = page.read(r)
			return err
		})
		if err != nil {
			return bus.EventsPage{Events: []bus.Event{}}, err
		}
		if !done {
			if err := pace.Rest(ctx, time.Since(began)); err != nil {
				return bus.EventsPage{Events: []bus.Event{}}, err
			}
		}
	}
	return page.result(), nil
}

// eventsReader gathers a page over several views. Forwards it goes from a number to the end, backwards from the end until
// the page is full.
type eventsReader struct {
	q        bus.EventsRequest
	limit    int
	begun    bool
	backward bool
	at       uint64 // next to look at
	looked   int
	bytes    int
	near     time.Time // of the event looked at before
	page     bus.EventsPage
}

// read looks at some events and reports whether the page is complete.
func (p *eventsReader) read(r keys) (done bool, err error) {
	head, _, err := readEventsHead(r)
	if err != nil {
		return true, err
	}
	p.page.First, p.page.Last = head.First, head.Next-1
	if !p.begun {
		p.begin(r, head)
	}
	p.at = max(p.at, head.First) // trimmed since the last view
	for n := 0; n < eventsView; n++ {
		switch {
		case p.at < head.First || p.at >= head.Next, len(p.page.Events) >= p.limit, p.bytes >= eventsBytes, p.looked >= eventsLooked:
			return true, nil
		}
		p.look(r)
	}
	return false, nil
}

func (p *eventsReader) begin(r keys, head eventsHead) {
	p.begun = true
	p.page.Alarms, p.near = pinned(r), p.q.Since
	switch {
	case p.q.From > 0:
		p.at = p.q.From
	case !p.q.Since.IsZero():
		p.at = head.First
	default:
		p.backward, p.at = true, head.Next-1
	}
}

// look takes one event into the page if it is wanted. In the place of one that can't be read stands another, which says so: it must not hide the
// rest of the log.
func (p *eventsReader) look(r keys) {
	value, _, known := r.Get(bus.SystemSpace, eventKey(p.at))
	e, err := decodeEvent(value)
	switch {
	case !known:
		err = fmt.Errorf("%w: it is missing", errEvents)
	case err == nil && e.ID != p.at:
		err = fmt.Errorf("%w: it has the number %d", errEvents, e.ID)
	}
	if err != nil {
		e = bus.Event{ID: p.at, Time: p.near, Kind: p.q.Kind, Text: fmt.Sprintf("event %d of the log can't be read: %v", p.at, err)}
		e.Cut()
	}
	p.near = e.Time
	if p.backward {
		p.at--
	} else {
		p.at++
	}
	p.looked++
	if p.q.Kind != "" && e.Kind != p.q.Kind || e.Time.Before(p.q.Since) {
		return
	}
	p.page.Events = append(p.page.Events, e)
	p.bytes += len(value)
}

func (p *eventsReader) result() bus.EventsPage {
	if p.page.Events == nil {
		p.page.Events = []bus.Event{}
	}
	p.page.Next = p.at
	if p.backward {
		slices.Reverse(p.page.Events)
		p.page.Next = p.page.Last + 1
	}
	return p.page
}

// decodeEvent reads the value of one event.
func decodeEvent(value []byte) (e bus.Event, err error) {
	if err := json.Unmarshal(value, &e); err != nil {
		return bus.Event{}, fmt.Errorf("%w: %w", errEvents, err)
	}
	if e.ID == 0 {
		return bus.Event{}, fmt.Errorf("%w: an event without a number", errEvents)
	}
	return e, e.Check()
}

// pinned reads the alarms that wait to be acknowledged. One that can't be read says so under its id.
func pinned(r keys) (alarms []bus.Alarm) {
	items, _ := r.Scan(bus.SystemSpace, []byte(alarmPrefix), nil, pinnedAlarms, 0)
	for _, it := range items {
		var a bus.Alarm
		if err := json.Unmarshal(it.Value, &a); err != nil {
			a = bus.Alarm{
				ID: strings.TrimPrefix(string(it.Key), alarmPrefix), Severity: bus.Critical, Acknowledge: true,
				Text: fmt.Sprintf("this alarm's record in the database can't be read: %v", err), Remedy: "find it in the events, fix its cause, then acknowledge it",
			}
		}
		alarms = append(alarms, a)
	}
	return alarms
}
