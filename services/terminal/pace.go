package terminal

import (
	"sync"
	"time"
)

// paceOver is the length of one of the two stretches over which requests are counted.
const paceOver = 5 * time.Second

// pace counts the requests of the last seconds, so that a host that takes over can attach the busiest terminals first.
type pace struct {
	mu            sync.Mutex
	began         time.Time // of the present stretch
	before, since int
}

// note counts a request.
func (p *pace) note(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(now)
	p.since++
}

// recent is how many requests came within the last one or two stretches.
func (p *pace) recent(now time.Time) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(now)
	return p.before + p.since
}

// turn begins another stretch when the present one is over. The lock is held.
func (p *pace) turn(now time.Time) {
	switch over := now.Sub(p.began); {
	case over >= 2*paceOver:
		p.began, p.before, p.since = now, 0, 0
	case over >= paceOver:
		p.began, p.before, p.since = p.began.Add(paceOver), p.since, 0
	}
}
