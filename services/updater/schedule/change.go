package schedule

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"

	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/timers"
	"github.com/hotpair/hotpair/services/updater/leaving"
)

// Most bounds the timers of one service.
const Most = 1 << 20

// orderSize is what an order comes to in an entry, in bytes, amply: it may write the timer anew.
const orderSize = outbox.MaxBody + leaving.MaxWhy + 2048

// Order is a change that the pair itself makes of a timer: Drop, Park or Release.
type Order struct {
	Service  string
	Key      string
	Kind     timers.Kind
	Revision uint64
	Why      string // for Park
	// Places is where it stands in an order, for Drop: what can't be read does not say it.
	Places [][]byte
}

// Orders are changes that the pair itself makes in one update; without any they note the time.
type Orders []Order

// Change implements leaving.Orders. The errors are those of Change.
func (o Orders) Change(s *leaving.Set) error {
	w := changing{s}
	for i := range o {
		if err := w.order(&o[i]); err != nil {
			return err
		}
	}
	return w.stamp()
}

// Size implements leaving.Orders.
func (o Orders) Size() int { return len(o) * orderSize }

// changing is an update in the making.
type changing struct{ *leaving.Set }

// Change puts what a service's update does to timers into a set. Errors: timers.ErrMoved when the run of a timer is not to be,
// leaving.ErrTooMany, bus.ErrMalformed for what is stored and can't be read.
func Change(s *leaving.Set, service string, c *outbox.Changes) error {
	if c.Fired == nil && len(c.Timers) == 0 {
		return nil
	}
	w := changing{s}
	if f := c.Fired; f != nil {
		if err := w.change(service, f.Key, timers.Change{Kind: timers.Fire, Revision: f.Revision}, ""); err != nil {
			return err
		}
	}
	for i := range c.Timers {
		t := &c.Timers[i]
		change := timers.Change{Kind: timers.Cancel}
		if !t.Cancel {
			e := timers.Entry{Service: service, Key: t.Key, Operation: t.Operation, Body: t.Body, Wall: t.At != 0, Due: t.At}
			if len(e.Body) == 0 {
				e.Body = []byte("{}")
			}
			if t.Skip {
				e.Late = timers.Skip
			}
			change = timers.Change{Kind: timers.Set, Entry: e, After: t.After}
		}
		if err := w.change(service, t.Key, change, ""); err != nil {
			return err
		}
	}
	return w.stamp()
}

// stamp notes the time.
func (w changing) stamp() error { return Stamp(w.Set) }

// Stamp notes the time by which durations are counted, with what else an update leaves that has an age.
func Stamp(s *leaving.Set) error {
	value, err := encodeStamp(s.Update.Stamp)
	if err == nil {
		s.Put([]byte(stampAt), value)
	}
	return err
}

// item gives a timer as it is, nil when there is none.
func (w changing) item(name string) (*Item, error) {
	return read(w, name)
}

// read gives a timer, nil when there is none.
func read(g leaving.Getter, name string) (*Item, error) {
	switch value, revision, err := g.Get(entryKey(name)); {
	case err != nil:
		return nil, fmt.Errorf("timer %s: %w", name, err)
	case revision != 0:
		return decode(name, value, revision)
	}
	return nil, nil
}

// change makes one change of one timer.
func (w changing) change(service, key string, c timers.Change, why string) error {
	id := name(service, key)
	old, err := w.item(id)
	if err != nil {
		return err
	}
	var was *timers.Stored
	if old != nil {
		was = &old.Stored
	}
	is, err := timers.Apply(was, c, w.Update.Stamp, w.Update.Position.Sequence)
	if err != nil {
		return fmt.Errorf("timer %q of %s: %w", key, service, err)
	}
	if was == nil && is == nil {
		return nil
	}
	if was != nil {
		w.leave(id, &old.Entry)
	}
	if is == nil {
		w.Remove(entryKey(id))
	} else if err := w.enter(id, &Item{Stored: *is, Why: leaving.Short(why), Expected: w.expected(is, c, old)}); err != nil {
		return err
	}
	return w.count(service, was, is)
}

// order makes one change that the pair itself wants.
func (w changing) order(o *Order) error {
	id := name(o.Service, o.Key)
	if it, err := w.item(id); o.Kind != timers.Drop || err == nil && it != nil {
		return w.change(o.Service, o.Key, timers.Change{Kind: o.Kind, Revision: o.Revision}, o.Why)
	}
	// It can't be read, or only what names it is there: all of that goes.
	if _, revision, _ := w.Get(entryKey(id)); revision != o.Revision {
		return fmt.Errorf("timer %q of %s: %w", o.Key, o.Service, timers.ErrMoved)
	}
	isParked := w.Has(parkedKey(id))
	if isParked {
		w.Remove(parkedKey(id))
	}
	for _, k := range o.Places {
		if isPlace(k, id) && w.Has(k) {
			w.Remove(k)
		}
	}
	if o.Revision == 0 {
		return nil
	}
	w.Remove(entryKey(id))
	return w.count(o.Service, &timers.Stored{Entry: timers.Entry{Parked: isParked}}, nil)
}

// expected is when a timer is due on the wall, as well as can be told.
func (w changing) expected(is *timers.Stored, c timers.Change, old *Item) time.Time {
	switch {
	case is.Wall:
		return time.Unix(0, is.Due)
	case c.Kind == timers.Set:
		return time.Unix(0, w.Update.Wall).Add(c.After)
	}
	return old.Expected
}

// leave takes a timer out of the order it is in.
func (w changing) leave(id string, e *timers.Entry) {
	if e.Parked {
		w.Remove(parkedKey(id))
	} else {
		w.Remove(orderKey(e))
	}
}

// enter keeps a timer and its place in its order.
func (w changing) enter(id string, it *Item) error {
	value, err := it.encode()
	if err != nil {
		return err
	}
	w.Put(entryKey(id), value)
	if it.Parked {
		w.Put(parkedKey(id), nil)
	} else {
		w.Put(orderKey(&it.Entry), nil)
	}
	return nil
}

// count counts a service's timers.
func (w changing) count(service string, was, is *timers.Stored) error {
	n, err := countOf(w, service)
	if err != nil {
		return err
	}
	before := n
	n.add(was, -1)
	n.add(is, 1)
	switch {
	case n == before:
		return nil
	case n.Timers > before.Timers && n.Timers > Most:
		return fmt.Errorf("service %s has %d timers, the maximum: %w", service, before.Timers, leaving.ErrTooMany)
	case n == (count{}):
		w.Remove(countKey(service))
		return nil
	}
	value, err := bus.Encode(n)
	if err == nil {
		w.Put(countKey(service), value)
	}
	return err
}

// add counts a timer, if it is one, so many times.
func (n *count) add(s *timers.Stored, times int) {
	if s == nil {
		return
	}
	n.Timers += times
	if s.Parked {
		n.Parked += times
	}
}

func countOf(g leaving.Getter, service string) (n count, err error) {
	value, revision, err := g.Get(countKey(service))
	if err == nil && revision != 0 {
		err = bus.Decode(value, &n)
	}
	if err != nil {
		return count{}, fmt.Errorf("count of timers of %s: %w", service, err)
	}
	return n, nil
}
