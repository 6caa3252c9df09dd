package dispatch

import (
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/emissions"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/services/updater/schedule"
)

// Order is a change that the pair itself makes of an emission: Done, Park, Pass, Release or Drop.
type Order struct {
	Target, Lane string
	Kind         emissions.Kind
	Number       emissions.Number
	Pass         bool   // with Park: the lane goes on
	Why          string // for Park
}

// Orders are such changes in one update.
type Orders []Order

// Size implements leaving.Orders.
func (o Orders) Size() (bytes int) {
	for i := range o {
		bytes += 4 * (outbox.MaxLane + overhead)
		if o[i].Kind == emissions.Park || o[i].Kind == emissions.Release { // the emission is written anew
			bytes += outbox.MaxBody + leaving.MaxWhy
		}
	}
	return bytes
}

// Change implements leaving.Orders. Errors: leaving.ErrGone when what is named is not there, or not so any more, and those of Change.
func (o Orders) Change(s *leaving.Set) error {
	w := changing{s}
	for i := range o {
		if err := w.order(&o[i], uint32(i)); err != nil {
			return fmt.Errorf("emission %v in the lane %s of %s: %w", o[i].Number, o[i].Lane, o[i].Target, err)
		}
	}
	return schedule.Stamp(s)
}

func (w changing) order(o *Order, index uint32) error {
	l, err := w.lane(o.Target, o.Lane)
	if err != nil {
		return err
	}
	waiting, waits, err := w.entry(queue, o.Target, o.Lane, o.Number)
	found, isParked, alike := w.entry(parked, o.Target, o.Lane, o.Number)
	if err = errors.Join(err, alike); err != nil && o.Kind != emissions.Drop { // what can't be read can be taken away
		return err
	}
	switch {
	case o.Kind == emissions.Done && waits:
		return w.take(queue, o.Target, o.Lane, l, o.Number, waiting)
	case o.Kind == emissions.Park && waits && !l.blocks():
		return w.park(o, l, waiting)
	case o.Kind == emissions.Pass && isParked && l.Blocked == o.Number:
		l.Blocked = emissions.Number{}
		return w.keep(o.Target, o.Lane, l)
	case o.Kind == emissions.Release && isParked:
		return w.release(o, l, found, w.Update.Number(index))
	case o.Kind == emissions.Drop && waits:
		return w.take(queue, o.Target, o.Lane, l, o.Number, waiting)
	case o.Kind == emissions.Drop && isParked:
		if l.Blocked == o.Number {
			l.Blocked = emissions.Number{}
		}
		return w.take(parked, o.Target, o.Lane, l, o.Number, found)
	}
	return leaving.ErrGone
}

// park sets one aside that waits. The lane is blocked by it, unless it goes on.
func (w changing) park(o *Order, l lane, e stored) error {
	if err := w.take(queue, o.Target, o.Lane, l, o.Number, e); err != nil {
		return err
	}
	l, err := w.lane(o.Target, o.Lane)
	if err != nil {
		return err
	}
	if !o.Pass {
		l.Blocked = o.Number
	}
	e.Why = leaving.Short(o.Why)
	return w.add(parked, o.Target, o.Lane, l, o.Number, e)
}

// release has a parked one wait again: in its place when the lane has not gone on, else as one of this update behind all that waits, because
// its receiver has had higher numbers since. Who it is stays. Its age is counted from now on, else what was parked for it would be parked
// again untried.
func (w changing) release(o *Order, l lane, e stored, as emissions.Number) error {
	number := o.Number
	if l.Blocked == o.Number {
		l.Blocked = emissions.Number{}
	} else {
		if e.First == (emissions.Number{}) {
			e.First = o.Number
		}
		number = as
	}
	if err := w.take(parked, o.Target, o.Lane, l, o.Number, e); err != nil {
		return err
	}
	l, err := w.lane(o.Target, o.Lane)
	if err != nil {
		return err
	}
	e.Why, e.At = "", w.Update.Stamp.Counted
	return w.add(queue, o.Target, o.Lane, l, number, e)
}

// Hold says that a history was taken back before this epoch: nothing leaves until an operator releases it.
func Hold(s *leaving.Set) error {
	return changing{s}.value([]byte(deferredAt), epoch{s.Update.Position.Epoch}, false)
}

// ReleaseDeferred is the order that what is held leaves: all that is there is ordered as of the epoch of the update, and no older than
// the update.
type ReleaseDeferred struct{}

// Size implements leaving.Orders.
func (ReleaseDeferred) Size() int { return overhead }

// Change implements leaving.Orders. leaving.ErrGone: nothing is held.
func (ReleaseDeferred) Change(s *leaving.Set) error {
	taken, released, err := epochs(s)
	switch {
	case err != nil:
		return err
	case !emissions.Deferred(taken, released):
		return fmt.Errorf("emissions are not deferred: that %w", leaving.ErrGone)
	}
	if err := (changing{s}).value([]byte(releasedAt), release{s.Update.Position.Epoch, s.Update.Stamp.Counted}, false); err != nil {
		return err
	}
	return schedule.Stamp(s)
}

// epochs gives where a history was taken back last, and in which epoch what was held was released.
func epochs(g leaving.Getter) (starts []emissions.Start, released uint64, err error) {
	deferred, _, err := read[epoch](g, []byte(deferredAt))
	if err != nil {
		return nil, 0, err
	}
	if deferred.Epoch > 0 {
		starts = append(starts, emissions.Start{Epoch: deferred.Epoch, TakenBack: true})
	}
	r, _, err := read[release](g, []byte(releasedAt))
	return starts, r.Epoch, err
}

// TakenBack is the last epoch that began from a history which lacks a part of an earlier one; 0: none did.
func TakenBack(g leaving.Getter) (uint64, error) {
	deferred, _, err := read[epoch](g, []byte(deferredAt))
	return deferred.Epoch, err
}

// SetTarget makes a target, or sets one anew that has the revision; 0: there is none of the name yet.
type SetTarget struct {
	Name     string
	Target   Target
	Revision uint64
}

// Size implements leaving.Orders.
func (t SetTarget) Size() int {
	return overhead + len(t.Name) + len(t.Target.URL) + len(t.Target.Secret) + len(t.Target.Roots)
}

// Change implements leaving.Orders.
func (t SetTarget) Change(s *leaving.Set) error {
	_, revision, _ := read[Target](s, key(targets, t.Name)) // what can't be read is set anew
	if revision != t.Revision {
		return fmt.Errorf("the target %s %w", t.Name, leaving.ErrGone)
	}
	w := changing{s}
	if revision == 0 {
		n, _, err := read[count](s, []byte(howMany))
		if err != nil {
			return err
		}
		if n.Waiting++; n.Waiting > MostTargets {
			return fmt.Errorf("%d targets, the maximum: %w", MostTargets, leaving.ErrTooMany)
		}
		if err := w.value([]byte(howMany), n, false); err != nil {
			return err
		}
	}
	return w.value(key(targets, t.Name), t.Target, false)
}

// RemoveTarget takes a target away for which nothing waits and nothing is parked.
type RemoveTarget struct{ Name string }

// Size implements leaving.Orders.
func (t RemoveTarget) Size() int { return overhead + len(t.Name) }

// Change implements leaving.Orders. leaving.ErrOverloaded: something is there.
func (t RemoveTarget) Change(s *leaving.Set) error {
	_, revision, _ := read[Target](s, key(targets, t.Name)) // what can't be read can be taken away
	total, _, err := read[count](s, key(counts, t.Name))
	if err != nil {
		return err
	}
	n, _, err := read[count](s, []byte(howMany))
	switch {
	case err != nil:
		return err
	case revision == 0:
		return fmt.Errorf("the target %s %w", t.Name, leaving.ErrAbsent)
	case total.Waiting+total.Parked > 0:
		return fmt.Errorf("%d emissions wait and %d are parked for %s: %w to remove it", total.Waiting, total.Parked, t.Name, leaving.ErrOverloaded)
	}
	w := changing{s}
	n.Waiting = max(0, n.Waiting-1)
	s.Remove(key(targets, t.Name))
	return w.value([]byte(howMany), n, n.Waiting == 0)
}
