package operations

import (
	"encoding/json"
	"sync/atomic"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
)

// Emitted holds the last report of this host's courier.
type Emitted struct {
	state atomic.Pointer[outbox.EmissionState]
}

// Take takes a report.
func (e *Emitted) Take(raw json.RawMessage) {
	if s := (outbox.EmissionState{}); bus.DecodeJSON(raw, &s) == nil { // otherwise the next report counts
		e.state.Store(&s)
	}
}

// Lose forgets the report: the courier is down.
func (e *Emitted) Lose() { e.state.Store(nil) }

// State returns the last report; zero when there is none.
func (e *Emitted) State() outbox.EmissionState {
	if s := e.state.Load(); s != nil {
		return *s
	}
	return outbox.EmissionState{}
}
