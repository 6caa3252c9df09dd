package operations

import (
	"encoding/json"
	"sync/atomic"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
)

// Emitted is what the courier of this host said last.
type Emitted struct {
	state atomic.Pointer[outbox.EmissionState]
}

// Take takes what it says.
func (e *Emitted) Take(raw json.RawMessage) {
	if s := (outbox.EmissionState{}); bus.DecodeJSON(raw, &s) == nil { // the next one says it again
		e.state.Store(&s)
	}
}

// Lose forgets it: the courier is down.
func (e *Emitted) Lose() { e.state.Store(nil) }

// State gives it; zero when there is none.
func (e *Emitted) State() outbox.EmissionState {
	if s := e.state.Load(); s != nil {
		return *s
	}
	return outbox.EmissionState{}
}
