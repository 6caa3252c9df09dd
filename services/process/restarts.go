package process

import (
	"math"
	"time"
)

// Policy is when and how often a process that ended is started again.
type Policy struct {
	// Base is the delay before the second restart in a row; it doubles with each further failure. The first restart
	// is immediate: most crashes are single, and terminals wait.
	Base time.Duration
	// Longest bounds the delay.
	Longest time.Duration
	// Jitter is the part of a delay that is drawn by lot, 0 to 1, so that processes that fell together don't rise and
	// fall together again.
	Jitter float64
	// Enough failures, as counted with decay: more than these are the time to give up.
	Enough float64
	// HalfLife is the time in which the count of failures falls to half.
	HalfLife time.Duration
}

// DefaultPolicy restarts within 100 ms while it believes in restarts, gives up at the sixth crash in a row, or when a
// process crashes every few seconds for half a minute, and settles at one attempt in some seconds afterwards.
func DefaultPolicy() Policy {
	return Policy{Base: 5 * time.Millisecond, Longest: 5 * time.Second, Jitter: 0.5, Enough: 5, HalfLife: 30 * time.Second}
}

// Restarts decides by a Policy. Its count of failures decays, so that a process that crashes once a day is never given
// up and one that crashes at each start soon is. It is pure: time and lot come from the caller.
type Restarts struct {
	Policy Policy
	Rand   func() float64 // in [0, 1)

	failures float64
	at       time.Time
}

// Decide counts a failure at the time given and answers how long to wait before the next start, and whether to give
// up. Giving up is advice: who has nobody to hand over to keeps trying, with the delay.
func (r *Restarts) Decide(now time.Time) (delay time.Duration, giveUp bool) {
	r.failures, r.at = r.Failures(now)+1, now
	return r.delay(), r.failures > r.Policy.Enough
}

func (r *Restarts) delay() time.Duration {
	if r.failures < 1.5 {
		return 0
	}
	delay := float64(r.Policy.Base) * math.Exp2(r.failures-2)
	delay = min(delay, float64(r.Policy.Longest))
	return time.Duration(delay * (1 - r.Policy.Jitter*r.Rand()))
}

// Failures is the decayed count of failures at the time given.
func (r *Restarts) Failures(now time.Time) float64 {
	if r.at.IsZero() {
		return 0
	}
	return r.failures * math.Exp2(-float64(now.Sub(r.at))/float64(r.Policy.HalfLife))
}

// Forget forgets all failures.
func (r *Restarts) Forget() { r.failures, r.at = 0, time.Time{} }

// SettledIn is how long the process must run from the time given until it counts as recovered: until half of what
// is enough to give up is forgotten.
func (r *Restarts) SettledIn(now time.Time) time.Duration {
	excess := r.Failures(now) / (r.Policy.Enough / 2)
	if excess <= 1 {
		return 0
	}
	return time.Duration(math.Log2(excess) * float64(r.Policy.HalfLife))
}
