package terminalif

import (
	"sync"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/terminalif/delivery"
)

// term is one order to attach: the time in which this host serves. A new order makes a new term.
type term struct {
	bus.Attach
	round    *round
	delivery *delivery.Delivery // of notices, in this term
}

// round collects the outcome of one order to attach from the sessions that were warm when it came.
type round struct {
	mu     sync.Mutex
	open   map[*session]bool
	result bus.Attached
	done   chan struct{} // closed when all have reported
}

func newRound(sessions []*session) *round {
	r := &round{open: map[*session]bool{}, done: make(chan struct{})}
	for _, s := range sessions {
		if s.warm() != nil {
			r.open[s] = true
		}
	}
	r.result.Unreachable = len(sessions) - len(r.open)
	if len(r.open) == 0 {
		close(r.done)
	}
	return r
}

// report takes the first word of each session.
func (r *round) report(s *session, state string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open[s] {
		return
	}
	delete(r.open, s)
	switch state {
	case stateAttached:
		r.result.Attached++
	case stateRefused:
		r.result.Refused++
	default:
		r.result.Unreachable++
	}
	if len(r.open) == 0 {
		close(r.done)
	}
}

// outcome counts whoever has not reported as unreachable.
func (r *round) outcome() bus.Attached {
	r.mu.Lock()
	defer r.mu.Unlock()
	result := r.result
	result.Unreachable += len(r.open)
	return result
}
