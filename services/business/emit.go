package business

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
)

// ErrEmission says that a handler made an invalid emission. It is a fault of the service: the request is answered with
// 500.
var ErrEmission = errors.New("not an emission")

// Emit sends body, as JSON (nil is {}), to a target of the pair outside, by HTTP POST.
//
// The emission is part of the update, so it is sent if and only if the update took effect, by the active host, until
// the target has confirmed it. Emissions of one lane arrive in the order of the updates, one at a time; lanes do not
// wait for one another. So name a lane after the object that must stay in order: the seat, the account. Operators
// create targets; a request that emits to an unknown one is refused with 404, and nothing of it takes effect.
func (t *Tx) Emit(target, lane string, body any) {
	if t.readOnly {
		t.fail(ErrReadOnly)
		return
	}
	e := outbox.Emission{Target: target, Lane: lane}
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			t.fail(fmt.Errorf("%w: the body for %q: %w", ErrEmission, target, err))
			return
		}
		e.Body = raw
	}
	// As the updater would refuse it, but with the name of the mistake.
	if err := (&outbox.Changes{Emissions: []outbox.Emission{e}}).Validate(bus.ValidName); err != nil {
		t.fail(fmt.Errorf("%w: %w", ErrEmission, err))
		return
	}
	t.emitted = append(t.emitted, e)
}
