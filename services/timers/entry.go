package timers

import (
	"errors"
	"fmt"
	"time"
)

// Late says what becomes of a timer that could not run at its time.
type Late uint8

// Rules for late timers.
const (
	Run  Late = iota // it runs as soon as it can
	Skip             // it is dropped when it is later than Grace
)

// Grace is how late a timer may be that is skipped when it is late.
const Grace = time.Minute

// Entry is a timer as it is kept. Service and Key name it.
type Entry struct {
	Service, Key string
	Operation    string
	Body         []byte
	Wall         bool  // Due is of the wall clock, else of what is counted
	Due          int64 // nanoseconds
	Late         Late
	Generation   uint64 // the revision by which it was set last
	Doubted      bool   // Due is of a count that was in doubt, when Added was added to it
	Added        int64
	Parked       bool // it failed too often
}

// Stored is an entry with its revision: what a run that takes it rests on.
type Stored struct {
	Entry
	Revision uint64
}

// Kind says what a change does to a timer.
type Kind uint8

// Changes. Those that have a revision are refused when the entry has another one by now.
const (
	Set     Kind = iota + 1 // sets it, or moves it
	Cancel                  // takes it away
	Fire                    // the update is its run: takes it away; needs the revision
	Drop                    // takes it away as its rule or an operator has it; needs the revision
	Park                    // needs the revision
	Release                 // has a parked one run again; needs the revision
)

// Change is one change of one timer. An update has them in order; Fire comes before what the handler does, so a timer that its own
// handler sets again is set.
type Change struct {
	Kind     Kind
	Revision uint64
	Entry    Entry         // for Set
	After    time.Duration // for Set: Due is so much after the update, in counted time
}

var (
	// ErrMoved says that the timer is not there any more as it was read: the run is dropped.
	ErrMoved = errors.New("the timer was moved")
	// ErrInvalid says that a change can't be made of any timer.
	ErrInvalid = errors.New("not a change of a timer")
)

// Apply gives the entry after a change by the update with a revision, made at a time; nil when there is none. old is nil when there is none
// before, and stays as it is.
func Apply(old *Stored, c Change, at Stamp, revision uint64) (*Stored, error) {
	switch c.Kind {
	case Set:
		e := c.Entry
		e.Generation, e.Parked = revision, false
		if !e.Wall {
			e.Due, e.Doubted, e.Added = at.Counted+int64(max(0, c.After)), at.Doubt, at.Added
		}
		return &Stored{e, revision}, nil
	case Cancel:
		return nil, nil
	case Fire, Drop, Park, Release:
		if old == nil || old.Revision != c.Revision {
			return old, fmt.Errorf("%w since revision %d", ErrMoved, c.Revision)
		}
	default:
		return old, fmt.Errorf("%w: kind %d", ErrInvalid, c.Kind)
	}
	if c.Kind == Fire || c.Kind == Drop {
		return nil, nil
	}
	e := old.Entry
	e.Parked = c.Kind == Park
	return &Stored{e, revision}, nil
}

// Verdict is what to do with a timer now.
type Verdict uint8

// Verdicts.
const (
	Waits    Verdict = iota // it is not due
	Due                     // run it
	Skipped                 // drop it
	Deferred                // it may be due, and no clock is believed that says so: alarm
	Stands                  // it is parked
)

// Judge says what to do with a timer, and how late it is; before it is due how long it has, which is below zero.
func (e Entry) Judge(t Time) (Verdict, time.Duration) {
	late := time.Duration(t.Counted - e.Due)
	deferred := t.Doubt
	if e.Doubted {
		late -= time.Duration(t.Added - e.Added)
	}
	if e.Wall {
		late = time.Duration(t.Wall - e.Due)
		deferred = !t.Believed && (late >= 0 || t.Expected != 0 && t.Expected >= e.Due)
	}
	switch {
	case e.Parked:
		return Stands, late
	case deferred:
		return Deferred, late
	case late < 0:
		return Waits, late
	case e.Late == Skip && late > Grace:
		return Skipped, late
	}
	return Due, late
}
