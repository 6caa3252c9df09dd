package terminal

import (
	"sync"
	"time"
)

// paceOver is the length of one of the two stretches over which requests are counted.
const paceOver = 5 * time.Second

// Pace counts the requests of the last seconds, so that a host that takes over can attach the busiest terminals first.
// The zero value is ready for use by several goroutines.
type Pace struct {
	mu            sync.Mutex
	began         time.Time // of the present stretch
	before, since int
}

// Note counts a request.
func (p *Pace) Note(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(now)
	p.since++
}

// Recent returns the number of requests in the last one or two intervals.
func (p *Pace) Recent(now time.Time) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(now)
	return p.before + p.since
}

// turn starts another interval when the present one has ended. The caller holds the lock.
func (p *Pace) turn(now time.Time) {
	switch over := now.Sub(p.began); {
	case over >= 2*paceOver:
		p.began, p.before, p.since = now, 0, 0
	case over >= paceOver:
		p.began, p.before, p.since = p.began.Add(paceOver), p.since, 0
	}
}
