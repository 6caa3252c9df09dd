package business

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus/outbox"
)

// ErrTimer says that a handler set an invalid timer. It is a fault of the service: the request is answered with 500.
var ErrTimer = errors.New("not a timer")

// Timer runs an operation of the same service later, like a request.
//
// It takes effect once. The handler of a run may do what any handler does; if it returns an error it is run again, with
// growing pauses up to five minutes, and after 20 failures the timer is parked until an operator releases or drops it.
// A service that is down, and a takeover, do not count as tries.
type Timer struct {
	// Operation must not be ReadOnly.
	Operation string
	// Body becomes JSON; nil is {}.
	Body any
	// SkipLate drops the timer if it could not run within a minute of its time. Otherwise it runs as soon as it can.
	SkipLate bool
}

// Due identifies the timer of a run.
type Due struct {
	Key string
	// At is when it was due. For a timer set with After it is as exact as clocks allow.
	At time.Time
	// Late is how late the run is.
	Late time.Duration
}

// After sets a timer that is due a duration after the update. It replaces a timer of the service with the same key.
// The time passes while no host serves, and is not affected by wall clocks that are set.
func (t *Tx) After(key string, d time.Duration, timer Timer) {
	t.timer(key, timer, outbox.Timer{After: max(d, 0)})
}

// At sets a timer that is due at a time of day, otherwise like After. The time is of the hosts' wall clocks: while
// they are in doubt the timer waits.
func (t *Tx) At(key string, at time.Time, timer Timer) {
	hour := at.UnixNano()
	if at.Before(time.Unix(0, 1)) || !time.Unix(0, hour).Equal(at) {
		t.fail(fmt.Errorf("%w: %q is due at %v, which is out of range", ErrTimer, key, at))
		return
	}
	t.timer(key, timer, outbox.Timer{At: hour})
}

// Cancel removes a timer. An absent timer is not an error. A run in progress can't be cancelled by another request:
// the run and the request take effect one after the other.
func (t *Tx) Cancel(key string) { t.leave(outbox.Timer{Key: key, Cancel: true}) }

// Due returns the timer of this run; ok is false for a request.
func (t *Tx) Due() (d Due, ok bool) {
	if t.fired == nil {
		return Due{}, false
	}
	return Due{Key: t.fired.Key, At: time.Unix(0, t.fired.At), Late: t.fired.Late}, true
}

// timer sets a timer that is due as o says.
func (t *Tx) timer(key string, timer Timer, o outbox.Timer) {
	if !t.env.writes(timer.Operation) {
		t.fail(fmt.Errorf("%w: %q needs an operation that writes, and %q is not one", ErrTimer, key, timer.Operation))
		return
	}
	o.Key, o.Operation, o.Skip = key, timer.Operation, timer.SkipLate
	if timer.Body != nil {
		body, err := json.Marshal(timer.Body)
		if err != nil {
			t.fail(fmt.Errorf("%w: the body of %q: %w", ErrTimer, key, err))
			return
		}
		o.Body = body
	}
	t.leave(o)
}

// leave notes a change of a timer. The last one for a key counts.
func (t *Tx) leave(o outbox.Timer) {
	if t.readOnly {
		t.fail(ErrReadOnly)
		return
	}
	for i := range t.timers {
		if t.timers[i].Key == o.Key {
			t.timers[i] = o
			return
		}
	}
	t.timers = append(t.timers, o)
}

// outbox returns the outbox of the commit, and clears it.
func (t *Tx) outbox() outbox.Changes {
	c := outbox.Changes{Timers: t.timers, Notices: t.notices, Emissions: t.emitted}
	if t.fired != nil {
		c.Fired = &outbox.Fired{Key: t.fired.Key, Revision: t.fired.Revision}
	}
	return c
}
