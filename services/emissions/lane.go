package emissions

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Entry is a waiting emission.
type Entry struct {
	Number Number
	At     int64 // when it was emitted, or released last, in counted nanoseconds
}

// Lane is one of the queues of a target: waiting emissions, in order, and parked ones.
type Lane struct {
	Queue  []Entry
	Parked []Entry
	Passed Number // the lane has continued past parked emissions up to here
}

// Target has the settings of a target.
type Target struct {
	Skip bool          // a lane continues past parked emissions
	Age  time.Duration // older emissions are parked; 0: none
}

// State is the present state of all lanes, or of this one.
type State struct {
	Right    bool // to answer, long enough for one try
	Deferred bool
	Counted  int64
	Rest     time.Duration // left of the pause after a failure
}

// Verdict says what to do with a lane now.
type Verdict uint8

// Verdicts.
const (
	Nothing Verdict = iota // nothing to do
	Send                   // the entry, and nothing else of this lane until its answer is recorded or it is tried again
	Old                    // park it
	Move                   // commit Pass, then ask again
	Rests                  // until the pause is over
	Blocked                // by a parked emission
	Waits                  // emissions are deferred, or there is no right to answer
)

// Next returns what to do with a lane, and with which entry.
func (l Lane) Next(t Target, s State) (Verdict, Entry) {
	if !s.Right || s.Deferred {
		return Waits, Entry{}
	}
	if at := slices.IndexFunc(l.Parked, l.blocks); at >= 0 {
		if t.Skip {
			return Move, l.Parked[at]
		}
		return Blocked, l.Parked[at]
	}
	if len(l.Queue) == 0 {
		return Nothing, Entry{}
	}
	e := l.Queue[0]
	switch {
	case t.Age > 0 && time.Duration(s.Counted-e.At) > t.Age:
		return Old, e
	case s.Rest > 0:
		return Rests, e
	}
	return Send, e
}

// blocks reports whether the lane has not gone on past what is parked.
func (l Lane) blocks(parked Entry) bool { return parked.Number.After(l.Passed) }

// Kind says what a change does to a lane.
type Kind uint8

// Changes.
const (
	Emit    Kind = iota + 1 // Number is new
	Done                    // a good answer came
	Park                    // a final one came, or it is too old; with Pass the lane continues in the same update
	Pass                    // the lane continues past parked emissions
	Release                 // a parked one is sent again; if the lane has continued, as New, behind all that waits
	Drop                    // an operator removes it, parked or not
)

// Change is one change of a lane.
type Change struct {
	Kind   Kind
	Number Number
	Pass   bool
	New    Number // of the update of a Release
	At     int64
}

var (
	// ErrGone says that the emission was already changed or removed.
	ErrGone = errors.New("the emission no longer exists")
	// ErrInvalid says that a change is invalid for any lane.
	ErrInvalid = errors.New("invalid change of a lane")
)

// Apply returns the lane after a change. l is not changed.
func (l Lane) Apply(c Change) (Lane, error) {
	named := func(e Entry) bool { return e.Number == c.Number }
	waits, parked := slices.IndexFunc(l.Queue, named), slices.IndexFunc(l.Parked, named)
	l.Queue, l.Parked = slices.Clone(l.Queue), slices.Clone(l.Parked)
	gone := fmt.Errorf("%w: %v", ErrGone, c.Number)
	switch c.Kind {
	case Emit:
		l.Queue = append(l.Queue, Entry{c.Number, c.At})
		return l, nil
	case Done:
		if waits < 0 {
			return l, gone
		}
		l.Queue = slices.Delete(l.Queue, waits, waits+1)
		return l, nil
	case Park:
		if waits < 0 {
			return l, gone
		}
		l.Parked = append(l.Parked, l.Queue[waits])
		l.Queue = slices.Delete(l.Queue, waits, waits+1)
		if c.Pass {
			l.pass(c.Number)
		}
		return l, nil
	case Pass:
		if parked < 0 {
			return l, gone
		}
		l.pass(c.Number)
		return l, nil
	case Release:
		if parked < 0 {
			return l, gone
		}
		e := l.Parked[parked]
		l.Parked = slices.Delete(l.Parked, parked, parked+1)
		e.At = c.At // its age counts from the release, otherwise it would be parked again without an attempt
		if l.blocks(e) {
			l.Queue = slices.Insert(l.Queue, 0, e)
			slices.SortStableFunc(l.Queue, func(a, b Entry) int { return a.Number.Compare(b.Number) })
		} else {
			l.Queue = append(l.Queue, Entry{c.New, c.At})
		}
		return l, nil
	case Drop:
		switch {
		case waits >= 0:
			l.Queue = slices.Delete(l.Queue, waits, waits+1)
		case parked >= 0:
			l.Parked = slices.Delete(l.Parked, parked, parked+1)
		default:
			return l, gone
		}
		return l, nil
	}
	return l, fmt.Errorf("%w: kind %d", ErrInvalid, c.Kind)
}

// pass records that the lane continues.
func (l *Lane) pass(n Number) {
	if n.After(l.Passed) {
		l.Passed = n
	}
}
