package updater

import (
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/lease"
)

// pairTime is the clock that ages are counted in: the time of the last frame, whichever host wrote it, plus the time
// that has passed here since. A host whose wall clock is hours ahead neither forgets answers nor refuses ids (V9).
//
// The wall clock is read once in the life of a pair, for its first frame. Time during which both hosts are down does
// not pass, which errs on the side of remembering longer.
type pairTime struct {
	clock lease.Clock
	wall  func() time.Time

	mu   sync.Mutex
	last int64 // Unix nanoseconds
	at   time.Duration
}

// observe notes the pair time of a committed frame. Times never go back.
func (p *pairTime) observe(unixNano int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// A frame's time is taken before its fsync: to count from its commit would lose that much with each frame.
	if unixNano > p.last+p.since() {
		p.last, p.at = unixNano, p.clock()
	}
}

// now gives the pair time for the next frame.
func (p *pairTime) now() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == 0 {
		p.last, p.at = p.wall().UnixNano(), p.clock()
	}
	return p.last + p.since()
}

func (p *pairTime) since() int64 {
	if p.last == 0 {
		return 0
	}
	return max(0, int64(p.clock()-p.at))
}
