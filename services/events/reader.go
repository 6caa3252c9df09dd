package events

import (
	"context"
	"slices"
	"time"

	"github.com/hotpair/hotpair/bus"
)

const (
	// readEvents is how many of the last events main reads when it has none yet.
	readEvents = 200
	// ReadAgain is when a log that could not be read is tried again, unless there is news of it before.
	ReadAgain = time.Second
)

// Reader keeps up with the pair's log, which the updater of either host has.
type Reader struct {
	events *Memory
	Ask    func(ctx context.Context, q bus.EventsRequest) (bus.EventsPage, error)
	// Heard is told of events that are new in the log as this main reads it, the first time it reads too.
	Heard func([]bus.Event)
	news  chan struct{}
}

func NewReader(e *Memory) *Reader { return &Reader{events: e, news: make(chan struct{}, 1)} }

// Wake says that the log may have changed. Never blocks.
func (l *Reader) Wake() {
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// Run reads until ctx ends.
func (l *Reader) Run(ctx context.Context) error {
	var again <-chan time.Time
	for {
		select {
		case <-l.news:
		case <-again:
		case <-ctx.Done():
			return ctx.Err()
		}
		again = nil
		if err := l.read(ctx); err != nil {
			again = time.After(ReadAgain)
		}
	}
}

// read reads what has come since. The last event known is read again with it: if it is another, this host has got another
// history, and everything is read anew.
func (l *Reader) read(ctx context.Context) error {
	known, any := l.events.Newest()
	q := bus.EventsRequest{Limit: readEvents}
	if any {
		q = bus.EventsRequest{From: known.ID}
	}
	for {
		page, err := l.Ask(ctx, q)
		if err != nil {
			return err
		}
		fresh := !any
		if any && page.First <= known.ID {
			if len(page.Events) == 0 || !sameEvent(page.Events[0], known) {
				any, q = false, bus.EventsRequest{Limit: readEvents}
				continue
			}
			page.Events = page.Events[1:]
		}
		l.events.read(page.Events, page.Alarms, fresh)
		l.Heard(page.Events)
		if page.Next > page.Last {
			return nil
		}
		known, any = l.events.Newest()
		q = bus.EventsRequest{From: known.ID}
	}
}

func sameEvent(a, b bus.Event) bool {
	return a.ID == b.ID && a.Host == b.Host && a.Incarnation == b.Incarnation && a.Number == b.Number
}

// Remembered answers a request from memory. Next is where the log is gone on with.
func Remembered(all []bus.Event, q bus.EventsRequest) bus.EventsPage {
	page := bus.EventsPage{Events: []bus.Event{}}
	for _, e := range all {
		if e.ID > 0 && page.First == 0 {
			page.First = e.ID
		}
		page.Last = max(page.Last, e.ID)
		if (q.Kind == "" || e.Kind == q.Kind) && !e.Time.Before(q.Since) && (e.ID == 0 || e.ID >= q.From) {
			page.Events = append(page.Events, e)
		}
	}
	if limit := q.Limit; limit > 0 && len(page.Events) > limit {
		page.Events = slices.Clone(page.Events[len(page.Events)-limit:])
	}
	page.Next = max(page.Last+1, q.From)
	return page
}
