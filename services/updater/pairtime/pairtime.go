// Package pairtime is the clock that ages are counted in: the time of the last frame, whichever host wrote it, plus the time that has
// passed here since, on a clock that counts sleep and is never set. So it is a fact of the history, and one for both hosts: a host whose
// wall clock is hours ahead neither forgets answers nor refuses ids (V9).
//
// One host's wall clock is believed once in the life of a pair, for its first frame. What that got wrong, and time during which both
// hosts are down, which does not pass, is put right by the wall clocks of both hosts together: while they agree, the time of the next frame
// is theirs. Pair time that is behind moves forward to them at once; pair time that is ahead by more than a minute moves back. Neither makes
// a request new that was forgotten, because that is a fact of its own (history.Entry.Forgotten). While the hosts don't agree, or one is
// down, pair time only runs on, and errs on the side of remembering longer.
//
// Both wall clocks may be set wrong at once, by one server of time that both ask. A clock must not stop the service, so of two readings the one is
// taken that refuses nobody. A process that has seen pair time where it belongs knows how much time has passed since: clocks that leap
// forward are not followed by it, only by one that is started later, or from a time before the program was built. Clocks that leap back
// are followed; but ids of the time that it was before are not of the future.
package pairtime

import (
	"fmt"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/lease"
)

// Slack is how far the clock of an application may be ahead of the pair's. An answer is kept for the retention after the
// time in its id, so an id of next year would be kept until the year after, and never be refused as too old.
const Slack = 5 * time.Minute

// Clock gives pair time. It may be used by any number of goroutines.
type Clock struct {
	boot lease.Clock
	wall func() time.Time

	built int64 // when the program was; 0: that is not known

	mu       sync.Mutex
	last     int64 // Unix nanoseconds; 0: there is no frame yet
	at       time.Duration
	compared clocks.Difference
	first    time.Duration // when the clocks agreed for the first time; 0: they have not yet
	settled  bool          // pair time was where it belongs: leaps forward are not followed
	high     int64         // the highest pair time, at highAt
	highAt   time.Duration
}

// settles is how long whoever serves has to follow clocks that agree: it is told of them every minute.
const settles = 2 * clocks.Every

// New makes the clock of a pair without frames. built is when this program was, zero when that is not known.
func New(boot lease.Clock, wall func() time.Time, built time.Time) *Clock {
	c := &Clock{boot: boot, wall: wall}
	if !built.IsZero() {
		c.built = built.UnixNano()
	}
	return c
}

// Observe notes the pair time of a committed frame, which may be an older one by now.
func (c *Clock) Observe(unixNano int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.boot()
	// A frame's time is taken before its fsync: to count from its commit would lose that much with each frame. One that is far
	// behind is of a host that has moved pair time back.
	if ran := c.ran(now); unixNano > ran || ran-unixNano > int64(clocks.Off) && unixNano > 0 {
		c.set(now, unixNano)
	}
	c.settle(now)
	// Whoever wrote this has known for long enough what the clocks say, and does not follow them.
	c.settled = c.settled || c.first != 0 && now-c.first > settles
}

// set sets pair time. mu must be held.
func (c *Clock) set(now time.Duration, unixNano int64) {
	if ran := c.ran(now); ran > c.highest(now) {
		c.high, c.highAt = ran, now
	}
	c.last, c.at = unixNano, now
}

// highest is what pair time would be if it had never been moved back here; 0 if it was not moved. mu must be held.
func (c *Clock) highest(now time.Duration) int64 {
	if c.high == 0 {
		return 0
	}
	return c.high + max(0, int64(now-c.highAt))
}

// Compared notes how far the wall clocks of both hosts are apart.
func (c *Clock) Compared(d clocks.Difference) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.compared = d
	c.settle(c.boot())
}

// Difference is the last comparison, the zero one when there was none.
func (c *Clock) Difference() clocks.Difference {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.compared
}

// settle notes whether pair time is where clocks that agree have it. mu must be held.
func (c *Clock) settle(now time.Duration) {
	agreed, ok := c.agreed(now)
	if !ok || c.last == 0 {
		return
	}
	if c.first == 0 {
		c.first = now
	}
	c.settled = c.settled || time.Duration(agreed-c.ran(now)).Abs() <= clocks.Off
}

// Now gives the pair time for the next frame.
func (c *Clock) Now() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now(c.boot())
}

// now is Now at a reading of the clock that counts sleep: each one asks the kernel, and a frame needs the time more than once. mu must
// be held.
func (c *Clock) now(now time.Duration) int64 {
	if c.last == 0 {
		c.last, c.at = c.wall().UnixNano(), now
	}
	if next := c.next(now); next != c.ran(now) {
		c.set(now, next)
	}
	c.settle(now)
	return c.ran(now)
}

// Shown gives what the next frame would have; 0 before the first frame of a pair.
func (c *Clock) Shown() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == 0 {
		return 0
	}
	return c.next(c.boot())
}

// Latest is the latest time of issue that an id may have: a little after pair time, or after this host's clock where
// that is ahead. Pair time alone would not do: it stands still while both hosts are down, and the ids of a pair that was
// off for a night would all be from the future. Nor would both when they have been set back: ids of now are of what pair time was before.
// A host's clock that is wrong can only let more in.
func (c *Clock) Latest() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.boot()
	return max(c.now(now), c.wall().UnixNano(), c.highest(now)) + int64(Slack)
}

// MayBegin refuses to give a pair its first time by a clock that the other host's surely contradicts.
func (c *Clock) MayBegin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.compared
	if c.last != 0 || !d.Fresh(c.boot()) || !d.Differ() {
		return nil
	}
	return fmt.Errorf("the first update would set the pair's time, but the clock of the other host is %v %s this host's, which shows %s: "+
		"set the wrong clock (hotpair doctor shows both); the pair begins within a minute",
		d.Other.Abs().Round(time.Second), map[bool]string{true: "ahead of", false: "behind"}[d.Other > 0], c.wall().UTC().Format(time.RFC3339))
}

// next is pair time where the clocks of both hosts, if they agree, would have it. mu must be held.
func (c *Clock) next(boot time.Duration) int64 {
	now := c.ran(boot)
	agreed, ok := c.agreed(boot)
	switch {
	case !ok, agreed <= now && now-agreed <= int64(clocks.Off):
		return now
	case agreed-now > int64(clocks.Off) && c.settled && now >= c.built:
		return now
	}
	return agreed
}

// ran is what has passed since the last frame, after its time. mu must be held.
func (c *Clock) ran(now time.Duration) int64 {
	if c.last == 0 {
		return 0
	}
	return c.last + max(0, int64(now-c.at))
}

// agreed is the time by the wall clocks of both hosts, if they agreed lately. It goes on from the comparison, so that a clock which is set
// afterwards counts only when the other one has confirmed it. mu must be held.
func (c *Clock) agreed(now time.Duration) (int64, bool) {
	d := c.compared
	if !d.Fresh(now) || !d.Agree() {
		return 0, false
	}
	return d.Own.Wall + max(0, int64(now-d.Own.Boot)), true
}
