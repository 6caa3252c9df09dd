// Package pace lets what happens at one interval happen at one time.
//
// An idle host costs what waking up costs, not what is done then. A ticker begins when it is made, so a process that looks after
// five things eight times a second wakes up forty times. Here every interval ends at its multiples on the wall clock: things of
// one pace share a waking, also those of several processes, where the beats of some are what another one wakes up for. It gives
// nothing but the time to wait, so each loop keeps its goroutine and its own say, and nothing is noticed later than by a
// ticker. [Rest] waits a time that is nobody else's.
//
//	tick := time.NewTimer(pace.Next(interval))
//	defer tick.Stop()
//	for {
//		select {
//		case <-tick.C:
//			tick.Reset(pace.Next(interval))
//			…
package pace

import "time"

// early is the part of an interval that a timer may end early by the wall clock, which is set and bent while timers are
// not: then it ended at this multiple, not at the one before.
const early = 64

// Next gives the time until the next end of an interval, which is at most the interval and a 64th. A step of the wall clock
// makes one wait shorter, and none longer.
func Next(interval time.Duration) time.Duration { return next(time.Now(), interval) }

func next(now time.Time, interval time.Duration) time.Duration {
	if interval <= 0 {
		return 0
	}
	passed := now.Sub(now.Truncate(interval))
	left := interval - passed
	if left < interval/early {
		left += interval
	}
	return left
}
