// Package round collects the results of one order to attach.
package round

import (
	"sync"

	"github.com/hotpair/hotpair/bus"
)

// Outcome is the result of one session.
type Outcome int

// The outcomes.
const (
	Unreachable Outcome = iota
	Attached
	Refused
)

// Round collects the results of one order from the sessions that were warm when it came.
type Round[S comparable] struct {
	mu     sync.Mutex
	open   map[S]bool
	result bus.Attached
	done   chan struct{}
}

// New returns a round in which so many other sessions are not warm.
func New[S comparable](warm []S, others int) *Round[S] {
	r := &Round[S]{open: make(map[S]bool, len(warm)), done: make(chan struct{})}
	for _, s := range warm {
		r.open[s] = true
	}
	if r.result.Unreachable = others; len(r.open) == 0 {
		close(r.done)
	}
	return r
}

// Done is closed when all have reported.
func (r *Round[S]) Done() <-chan struct{} { return r.done }

// Report records the first result of each session.
func (r *Round[S]) Report(s S, outcome Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open[s] {
		return
	}
	delete(r.open, s)
	switch outcome {
	case Attached:
		r.result.Attached++
	case Refused:
		r.result.Refused++
	case Unreachable:
		r.result.Unreachable++
	}
	if len(r.open) == 0 {
		close(r.done)
	}
}

// Outcome counts each session without a report as unreachable.
func (r *Round[S]) Outcome() bus.Attached {
	r.mu.Lock()
	defer r.mu.Unlock()
	result := r.result
	result.Unreachable += len(r.open)
	return result
}
