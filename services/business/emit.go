package business

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
)

// ErrEmission says that a handler emitted what can't be. A mistake of the service: the request is answered with 500.
var ErrEmission = errors.New("not an emission")

// Emit tells the world outside something: body, as JSON, nil is {}, is sent to a target of the pair by HTTP POST.
//
// It is part of the update, so it is sent if and only if the update took effect, by whoever serves, until the target has said that it has
// it. What is emitted in one lane arrives in the order of the updates, one at a time; lanes do not wait for one another. So a lane is best
// named by what must stay in order: the seat, the account. Targets are made by operators; a request that emits to one that does not exist is
// refused with 404, and nothing of it takes effect.
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
