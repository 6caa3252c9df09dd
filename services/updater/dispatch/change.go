package dispatch

import (
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/emissions"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/services/updater/schedule"
)

// Bounds of what waits and is parked.
const (
	// MostInLane and LaneBytes bound one lane, so that one that stands still does not take what the others need.
	MostInLane = 1 << 16
	LaneBytes  = 64 << 20
	// MostInTarget and TargetBytes bound all lanes of a target.
	MostInTarget = 1 << 20
	TargetBytes  = 1 << 30
	// MostTargets bounds the targets of a pair.
	MostTargets = 256
	// overhead is what an emission takes beside its body, in bytes, amply.
	overhead = 256
)

// changing is an update in the making.
type changing struct{ *leaving.Set }

// Change puts what a service's update emits into a set. Errors: leaving.ErrAbsent for a target that does not exist, leaving.ErrTooMany,
// bus.ErrMalformed for what is stored and can't be read.
func Change(s *leaving.Set, service string, c *outbox.Changes) error {
	if len(c.Emissions) == 0 {
		return nil
	}
	w := changing{s}
	for i := range c.Emissions {
		e := &c.Emissions[i]
		t, revision, err := read[Target](s, key(targets, e.Target))
		switch {
		case err != nil:
			return err
		case revision == 0:
			return fmt.Errorf("the target %s %w: an operator adds it with hotpair targets add %s=URL", e.Target, leaving.ErrAbsent, e.Target)
		case t.Closing:
			return fmt.Errorf("the target %s %w any more: it is being removed", e.Target, leaving.ErrAbsent)
		}
		body := e.Body
		if len(body) == 0 {
			body = []byte("{}")
		}
		one := stored{Service: service, Body: body, At: s.Update.Stamp.Counted, Wall: s.Update.Wall}
		if err := w.emit(e.Target, e.Lane, s.Update.Number(uint32(i)), one); err != nil {
			return err
		}
	}
	return schedule.Stamp(s)
}

// emit adds to a lane, within the bounds.
func (w changing) emit(target, name string, n emissions.Number, e stored) error {
	l, err := w.lane(target, name)
	if err != nil {
		return err
	}
	total, _, err := read[count](w, key(counts, target))
	if err != nil {
		return err
	}
	size := int64(len(e.Body))
	switch {
	case l.Waiting+l.Parked >= MostInLane || l.Bytes+size > LaneBytes:
		return fmt.Errorf("%d emissions of %d bytes wait or are parked in the lane %s of %s: %w", l.Waiting+l.Parked, l.Bytes, name, target, leaving.ErrTooMany)
	case total.Waiting+total.Parked >= MostInTarget || total.Bytes+size > TargetBytes:
		return fmt.Errorf("%d emissions of %d bytes wait or are parked for %s: %w", total.Waiting+total.Parked, total.Bytes, target, leaving.ErrTooMany)
	}
	return w.add(queue, target, name, l, n, e)
}

func (w changing) lane(target, name string) (lane, error) {
	l, _, err := read[lane](w, key(lanes, where(target, name)))
	return l, err
}

// add puts an emission where it waits or is parked, and counts it.
func (w changing) add(under, target, name string, l lane, n emissions.Number, e stored) error {
	value, err := bus.Encode(e)
	if err != nil {
		return err
	}
	w.Put(entryKey(under, target, name, n), value)
	return w.count(under, target, name, l, 1, int64(len(e.Body)))
}

// take takes one away from there.
func (w changing) take(under, target, name string, l lane, n emissions.Number, e stored) error {
	w.Remove(entryKey(under, target, name, n))
	return w.count(under, target, name, l, -1, -int64(len(e.Body)))
}

// count keeps a lane with so many more under one of both, and what its target has.
func (w changing) count(under, target, name string, l lane, more int, bytes int64) error {
	total, _, err := read[count](w, key(counts, target))
	if err != nil {
		return err
	}
	if under == queue {
		l.Waiting, total.Waiting = l.Waiting+more, total.Waiting+more
	} else {
		l.Parked, total.Parked = l.Parked+more, total.Parked+more
	}
	l.Bytes, total.Bytes = l.Bytes+bytes, total.Bytes+bytes
	if l.Waiting+l.Parked == 0 { // else what could not be read would be counted for ever
		total.Bytes, l.Bytes = total.Bytes-l.Bytes, 0
	}
	if err := w.keep(target, name, l); err != nil {
		return err
	}
	return w.value(key(counts, target), total, total == count{})
}

// keep keeps a lane, and its places among those that have something to send and those that are blocked.
func (w changing) keep(target, name string, l lane) error {
	at := where(target, name)
	w.mark(key(ready, at), l.Waiting > 0 && !l.blocks())
	w.mark(key(blocked, at), l.blocks())
	return w.value(key(lanes, at), l, l.Waiting == 0 && l.Parked == 0)
}

// mark has a key there, or not.
func (w changing) mark(k []byte, there bool) {
	is := w.Has(k)
	switch {
	case there && !is:
		w.Put(k, nil)
	case !there && is:
		w.Remove(k)
	}
}

// value keeps a value, or takes its key away when it says nothing.
func (w changing) value(k []byte, v any, nothing bool) error {
	if nothing {
		if w.Has(k) {
			w.Remove(k)
		}
		return nil
	}
	raw, err := bus.Encode(v)
	if err == nil {
		w.Put(k, raw)
	}
	return err
}

// entry gives an emission under one of both, with whether it is there.
func (w changing) entry(under, target, name string, n emissions.Number) (stored, bool, error) {
	e, revision, err := read[stored](w, entryKey(under, target, name, n))
	return e, revision != 0, err
}
