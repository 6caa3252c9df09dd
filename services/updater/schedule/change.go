package schedule

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"

	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/timers"
	"github.com/hotpair/hotpair/storage/history"
)

// Most bounds the timers of one service.
const Most = 1 << 20

// OrderSize is what an order comes to in an entry, in bytes, amply: it may write the timer anew.
const OrderSize = outbox.MaxBody + mostWhy + 2048

// mostWhy bounds the sentence that is kept with a parked timer, in bytes.
const mostWhy = 512

// ErrTooMany says that a service has all the timers that it may have.
var ErrTooMany = errors.New("too many timers")

// State is the outbox as the updates before leave it, in the committed state and in the frame.
type State interface {
	Left(key []byte) (value []byte, revision uint64, ok bool)
}

// Order is a change that the pair itself makes of a timer: Drop, Park or Release.
type Order struct {
	Service  string
	Key      string
	Kind     timers.Kind
	Revision uint64
	Why      string // for Park
}

// Update is the update that changes are part of.
type Update struct {
	Sequence uint64
	Stamp    timers.Stamp
	Wall     int64 // what the wall clock says, in Unix nanoseconds
}

// changing is an update in the making.
type changing struct {
	state  State
	update Update
	left   map[string]history.Effect
}

// Changes gives what a service's update changes in the outbox. Errors: timers.ErrMoved when the run of a timer is not to be, ErrTooMany,
// bus.ErrMalformed for what is stored and can't be read.
func Changes(s State, u Update, service string, c *outbox.Changes) ([]history.Effect, error) {
	w := changing{s, u, map[string]history.Effect{}}
	if f := c.Fired; f != nil {
		if err := w.change(service, f.Key, timers.Change{Kind: timers.Fire, Revision: f.Revision}, ""); err != nil {
			return nil, err
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
			return nil, err
		}
	}
	return w.effects()
}

// Ordered gives what the pair's own update changes in the outbox; without orders it notes the time. The errors are those of Changes.
func Ordered(s State, u Update, orders []Order) ([]history.Effect, error) {
	w := changing{s, u, map[string]history.Effect{}}
	for _, o := range orders {
		if err := w.change(o.Service, o.Key, timers.Change{Kind: o.Kind, Revision: o.Revision}, o.Why); err != nil {
			return nil, err
		}
	}
	return w.effects()
}

// effects gives what has changed, with the time.
func (w *changing) effects() ([]history.Effect, error) {
	value, err := encodeStamp(w.update.Stamp)
	if err != nil {
		return nil, err
	}
	w.put([]byte(stampAt), value)
	list := make([]history.Effect, 0, len(w.left))
	for _, key := range slices.Sorted(maps.Keys(w.left)) {
		list = append(list, w.left[key])
	}
	return list, nil
}

func (w *changing) put(key, value []byte) {
	w.left[string(key)] = history.Effect{Key: key, Value: value}
}

// remove takes a key away that is there, or that this update has put.
func (w *changing) remove(key []byte) {
	w.left[string(key)] = history.Effect{Key: key, Delete: true}
}

func (w *changing) get(key []byte) (value []byte, revision uint64, ok bool) {
	if f, here := w.left[string(key)]; here {
		return f.Value, w.update.Sequence, !f.Delete
	}
	return w.state.Left(key)
}

// item gives a timer as it is, nil when there is none.
func (w *changing) item(name string) (*Item, error) {
	value, revision, ok := w.get(entryKey(name))
	if !ok {
		return nil, nil
	}
	return decode(name, value, revision)
}

// change makes one change of one timer.
func (w *changing) change(service, key string, c timers.Change, why string) error {
	id := name(service, key)
	old, err := w.item(id)
	if err != nil {
		return err
	}
	var was *timers.Stored
	if old != nil {
		was = &old.Stored
	}
	is, err := timers.Apply(was, c, w.update.Stamp, w.update.Sequence)
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
		w.remove(entryKey(id))
	} else if err := w.enter(id, &Item{*is, strings.ToValidUTF8(why[:min(len(why), mostWhy)], ""), w.expected(is, c, old)}); err != nil {
		return err
	}
	return w.count(service, was, is)
}

// expected is when a timer is due on the wall, as well as can be told.
func (w *changing) expected(is *timers.Stored, c timers.Change, old *Item) time.Time {
	switch {
	case is.Wall:
		return time.Unix(0, is.Due)
	case c.Kind == timers.Set:
		return time.Unix(0, w.update.Wall).Add(c.After)
	}
	return old.Expected
}

// leave takes a timer out of the order it is in.
func (w *changing) leave(id string, e *timers.Entry) {
	if e.Parked {
		w.remove(parkedKey(id))
	} else {
		w.remove(orderKey(e))
	}
}

// enter keeps a timer and its place in its order.
func (w *changing) enter(id string, it *Item) error {
	value, err := it.encode()
	if err != nil {
		return err
	}
	w.put(entryKey(id), value)
	if it.Parked {
		w.put(parkedKey(id), nil)
	} else {
		w.put(orderKey(&it.Entry), nil)
	}
	return nil
}

// count counts a service's timers.
func (w *changing) count(service string, was, is *timers.Stored) error {
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
		return fmt.Errorf("%w: service %s has %d, which is all it may have", ErrTooMany, service, before.Timers)
	case n == (count{}):
		w.remove(countKey(service))
		return nil
	}
	value, err := bus.Encode(n)
	if err == nil {
		w.put(countKey(service), value)
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

// getter gives keys of the outbox.
type getter interface {
	get(key []byte) (value []byte, revision uint64, ok bool)
}

func countOf(g getter, service string) (n count, err error) {
	value, _, ok := g.get(countKey(service))
	if !ok {
		return count{}, nil
	}
	if err := bus.Decode(value, &n); err != nil {
		return count{}, fmt.Errorf("count of timers of %s: %w", service, err)
	}
	return n, nil
}
