package process

import (
	"math"
	"time"
)

// Policy says when and how often an ended process is started again.
type Policy struct {
	// Base is the delay before the second restart in a row; it doubles with each further failure. The first restart
	// is immediate: most crashes are single, and terminals wait.
	Base time.Duration
	// Longest bounds the delay.
	Longest time.Duration
	// Jitter is the random share of a delay, 0 to 1, so that processes that failed together do not restart and fail
	// together again.
	Jitter float64
	// Enough is the number of failures, with decay, above which the policy gives up.
	Enough float64
	// HalfLife is the time in which the count of failures falls to half.
	HalfLife time.Duration
}

// DefaultPolicy restarts within 100 ms at first, gives up at the sixth crash in a row, or if a process crashes every
// few seconds for half a minute, and then makes one attempt every few seconds.
func DefaultPolicy() Policy {
	return Policy{Base: 5 * time.Millisecond, Longest: 5 * time.Second, Jitter: 0.5, Enough: 5, HalfLife: 30 * time.Second}
}

// Restarts applies a Policy. Its count of failures decays, so that a process that crashes once a day is never given
// up, but one that crashes at each start soon is. It is pure: the caller provides time and randomness.
type Restarts struct {
	Policy Policy
	Rand   func() float64 // in [0, 1)

	failures float64
	at       time.Time
}

// Decide counts a failure at the given time and returns how long to wait before the next start, and whether to give
// up. Giving up is advice: a host without a partner keeps trying, with the delay.
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

// Failures is the decayed count of failures at the given time.
func (r *Restarts) Failures(now time.Time) float64 {
	if r.at.IsZero() {
		return 0
	}
	return r.failures * math.Exp2(-float64(now.Sub(r.at))/float64(r.Policy.HalfLife))
}

// Forget forgets all failures.
func (r *Restarts) Forget() { r.failures, r.at = 0, time.Time{} }

// SettledIn is how long the process must run from the given time until it counts as recovered: until the count has
// fallen to half of Enough.
func (r *Restarts) SettledIn(now time.Time) time.Duration {
	excess := r.Failures(now) / (r.Policy.Enough / 2)
	if excess <= 1 {
		return 0
	}
	return time.Duration(math.Log2(excess) * float64(r.Policy.HalfLife))
}
