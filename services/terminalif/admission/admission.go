// Package admission bounds the requests in flight at a service by their duration.
package admission

import "time"

const (
	// Standing is how much longer than a service's best answer the best answer of an interval may take. If it takes
	// longer, the requests in flight are a queue that never empties: it makes all wait and serves nobody sooner.
	Standing = 500 * time.Millisecond
	// window is how long answers are compared; shortage is how many windows in a row must be bad. A stall, as while the other
	// host is given up, ends with a burst of late answers in one window, and is no overload.
	window   = 100 * time.Millisecond
	shortage = 5
	// Fewest and most bound the requests in flight at a service, however slow or fast it is. Fewest exceeds what many
	// users with one request each need; most is what a business process accepts.
	Fewest = 256
	most   = 4096
)

// Bound bounds the requests in flight at one service by their duration: while every answer is later than it would be
// without a queue, the bound sinks to what the service does within Standing; afterwards it rises again. So under
// overload admitted requests wait about that long, however large the overload and however slow the machine, and others
// get the code "busy" at once. It is not safe for concurrent use.
type Bound struct {
	limit int // 0: most
	best  time.Duration

	since time.Duration // the window's begin
	least time.Duration // of its answers
	peak  int           // most in flight in it
	bad   int           // windows in a row
}

// Admits reports whether another request may be in flight beside out others.
func (a *Bound) Admits(out int) bool {
	return out < a.bound()
}

func (a *Bound) bound() int {
	if a.limit == 0 {
		return most
	}
	return a.limit
}

// Answered records the duration of a request, with out requests in flight until then.
func (a *Bound) Answered(now, took time.Duration, out int) {
	if a.best == 0 || took < a.best {
		a.best = took
	}
	if a.least == 0 || took < a.least {
		a.least = took
	}
	a.peak = max(a.peak, out)
	if now-a.since < window {
		return
	}
	late := a.least - a.best
	switch {
	case late <= Standing:
		a.bad = 0
		if a.limit != 0 && a.peak >= a.limit && late <= Standing/2 {
			a.limit = min(a.limit+a.limit/8, most)
		}
	default:
		if a.bad++; a.bad >= shortage {
			if a.limit == Fewest {
				// With so few in flight it is no queue that makes them late: the service has become slow. An answer that
				// is quicker is the best again.
				a.best = a.least
			}
			// The requests in flight take that long, so this share of them takes Standing. Never to less than half at
			// once: the measure is as old as the answer.
			a.limit = max(Fewest, a.peak/2, int(float64(a.peak)*float64(Standing)/float64(late)))
			a.bad = 0
		}
	}
	a.since, a.least, a.peak = now, 0, 0
}
