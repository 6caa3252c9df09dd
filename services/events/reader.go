package events

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/hotpair/hotpair/bus"
)

const (
	// readEvents is how many of the last events main reads when it knows none yet.
	readEvents = 200
	// readAgain is the pause before an unreadable log is read again, unless it changes before.
	readAgain = time.Second
)

// Log is the pair's log in this host's updater.
type Log interface {
	Events(ctx context.Context, q bus.EventsRequest) (bus.EventsPage, error)
}

// Listener takes events that are new in the log as this main reads it, including those of the first reading.
type Listener interface {
	Heard(events []bus.Event)
}

// Reader follows the pair's log, which each host's updater has.
type Reader struct {
	events    *Memory
	log       Log
	listeners []Listener
	news      chan struct{}
}

// NewReader makes the reader of a main.
func NewReader(e *Memory, log Log, listeners ...Listener) *Reader {
	return &Reader{events: e, log: log, listeners: listeners, news: make(chan struct{}, 1)}
}

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
			again = time.After(readAgain)
		}
	}
}

// read reads the new events. The last known event is read again with them: if it differs, this host has another history
// now, and everything is read again.
func (l *Reader) read(ctx context.Context) error {
	known, any := l.events.newest()
	q := bus.EventsRequest{Limit: readEvents}
	if any {
		q = bus.EventsRequest{From: known.ID}
	}
	for {
		page, err := l.log.Events(ctx, q)
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
		for _, listener := range l.listeners {
			listener.Heard(page.Events)
		}
		if page.Next > page.Last {
			return nil
		}
		known, any = l.events.newest()
		q = bus.EventsRequest{From: known.ID}
	}
}

func sameEvent(a, b bus.Event) bool {
	return a.ID == b.ID && a.Host == b.Host && a.Incarnation == b.Incarnation && a.Number == b.Number
}

// Events returns a page of the log. While the updater is down it is what main remembers, and Note says so.
func (l *Reader) Events(ctx context.Context, q bus.EventsRequest) (bus.EventsPage, error) {
	page, err := l.log.Events(ctx, q)
	if err == nil {
		return page, nil
	}
	if ctx.Err() != nil {
		return page, fmt.Errorf("events: %w", ctx.Err())
	}
	page = remembered(l.events.known(), q)
	page.Note = fmt.Sprintf("the updater of %s does not answer (%v): these are the events that its main remembers", l.events.host, err)
	return page, nil
}

// remembered answers a request from memory. Next is the number to continue with.
func remembered(all []bus.Event, q bus.EventsRequest) bus.EventsPage {
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

// Follow returns the events of the log from a number on as they arrive, until ctx ends; 0: only new ones. A slow
// reader gets them later; none is left out unless the log no longer has it. It can be ranged over once.
func (l *Reader) Follow(ctx context.Context, from uint64) iter.Seq[bus.Event] {
	if newest, any := l.events.newest(); from == 0 && any {
		from = newest.ID + 1
	}
	return func(yield func(bus.Event) bool) {
		for {
			changed := l.events.changes()
			list, err := l.following(ctx, from)
			for _, e := range list {
				if !yield(e) {
					return
				}
				from = e.ID + 1
			}
			if len(list) > 0 {
				continue
			}
			var again <-chan time.Time
			if err != nil {
				again = time.After(readAgain)
			}
			select {
			case <-changed:
			case <-again:
			case <-ctx.Done():
				return
			}
		}
	}
}

// following returns the events of the log from a number on, nothing when there are none yet.
func (l *Reader) following(ctx context.Context, from uint64) ([]bus.Event, error) {
	if list, ok := l.events.from(from); ok {
		return list, nil
	}
	if newest, any := l.events.newest(); !any || from > newest.ID {
		return nil, nil
	}
	page, err := l.log.Events(ctx, bus.EventsRequest{From: max(from, 1)})
	return page.Events, err
}
