package business

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus/outbox"
)

// ErrTimer says that a handler set a timer that can't be. A mistake of the service: the request is answered with 500.
var ErrTimer = errors.New("not a timer")

// Timer is what is to be done later: an operation of the same service, as if somebody had asked for it.
//
// It is done once. A handler of such a run may do what any handler does; an error that it returns has it run again, with growing pauses
// up to five minutes, and after 20 failures the timer is parked until an operator releases or drops it. A service that is down, and a
// takeover, use up no try.
type Timer struct {
	// Operation must not be ReadOnly.
	Operation string
	// Body becomes JSON; nil is {}.
	Body any
	// SkipLate drops it when it could not run within a minute of its time. Otherwise it runs as soon as it can.
	SkipLate bool
}

// Due says of a run which timer it is of.
type Due struct {
	Key string
	// At is when it was due. Of a timer set with After that is as well as clocks can tell.
	At time.Time
	// Late is by how much.
	Late time.Duration
}

// After has something done when a time has passed after the update. A timer of the service that has the key already is moved. The time
// goes on while nobody serves, and is not changed by wall clocks that are set.
func (t *Tx) After(key string, d time.Duration, timer Timer) {
	t.timer(key, timer, outbox.Timer{After: max(d, 0)})
}

// At has something done at an hour, as After. The hour is that of the wall clocks: while they are not to be believed it waits.
func (t *Tx) At(key string, at time.Time, timer Timer) {
	hour := at.UnixNano()
	if at.Before(time.Unix(0, 1)) || !time.Unix(0, hour).Equal(at) {
		t.fail(fmt.Errorf("%w: %q is due at %v, which is out of range", ErrTimer, key, at))
		return
	}
	t.timer(key, timer, outbox.Timer{At: hour})
}

// Cancel takes a timer away. One that is not there is no error. A run that has begun can't be taken back by another request: it and the
// request that cancels take effect one after the other.
func (t *Tx) Cancel(key string) { t.leave(outbox.Timer{Key: key, Cancel: true}) }

// Due says which timer this is the run of; ok is false when it is a request.
func (t *Tx) Due() (d Due, ok bool) {
	if t.fired == nil {
		return Due{}, false
	}
	return Due{Key: t.fired.Key, At: time.Unix(0, t.fired.At), Late: t.fired.Late}, true
}

// timer sets one that is due as o says.
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

// outbox is what the commit leaves to be done, and takes away.
func (t *Tx) outbox() outbox.Changes {
	c := outbox.Changes{Timers: t.timers, Notices: t.notices, Emissions: t.emitted}
	if t.fired != nil {
		c.Fired = &outbox.Fired{Key: t.fired.Key, Revision: t.fired.Revision}
	}
	return c
}
