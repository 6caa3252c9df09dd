package timers

import (
	"time"

	"github.com/hotpair/hotpair/services/clocks"
)

// Stamp is the time that each update records, so that the next host continues from it.
type Stamp struct {
	Counted int64 // nanoseconds that passed in the life of the pair
	Ahead   int64 // of the wall clocks over Counted, when those of both hosts last agreed
	Agreed  bool  // they have
	Doubt   bool  // more time has passed than Counted, by an amount not known yet
	Added   int64 // the sum added at the ends of doubts: timers set during a doubt are due that much later
}

// Now is a reading of a host's clocks.
type Now struct {
	clocks.Reading
	Other        clocks.Difference // the last comparison with the other host
	Synchronised bool              // the kernel says that the wall clock is synchronised
}

// agree: both hosts' wall clocks say the same, and this one was not set since.
func (n Now) agree() bool {
	set := time.Duration(n.Wall - n.Other.Own.Wall - int64(n.Boot-n.Other.Own.Boot))
	return n.Other.Fresh(n.Boot) && n.Other.Other.Abs() <= clocks.Doubtful-n.Other.Error && set.Abs() <= clocks.Doubtful
}

// Count counts time in one process of a host. It continues from the last stamp by the clock that includes sleep and is
// never set.
//
// Pair time is not suited: it is corrected by wall clocks that agree, so it leaps, and a timer of an hour would fire at
// once or in years. Neither is pair time with outages added, because the corrections add them too.
type Count struct {
	stamp Stamp
	at    time.Duration // when it was
	begun bool          // there is a stamp
}

// Open starts from the stamp on the disk. The time since then is in doubt, except for a pair that has no update yet.
func Open(s Stamp, boot time.Duration) Count {
	s.Doubt = s != Stamp{}
	return Count{stamp: s, at: boot, begun: s.Doubt}
}

// Observe records the stamp of an update when it is made, by this host or its peer. An update that is replicated later
// is ignored.
func (c *Count) Observe(s Stamp, boot time.Duration) {
	switch ran := c.ran(boot); {
	case !c.begun: // this one has counted nothing but its own life
	case !c.stamp.Doubt && (s.Doubt || ran > s.Counted): // the host that made it knows less
		if !s.Doubt {
			s.Ahead -= ran - s.Counted
		}
		if s.Doubt {
			s.Added += max(0, ran-s.Counted)
		}
		s.Counted, s.Doubt = ran, false
	case s.Doubt:
		s.Counted = max(s.Counted, ran)
	}
	c.stamp, c.at, c.begun = s, boot, true
}

// Unsure reports whether it has counted nothing yet, or not everything.
func (c Count) Unsure() bool { return !c.begun || c.stamp.Doubt }

// Settle ends the doubt by an operator's decision: the uncounted time does not count.
func (c *Count) Settle() { c.stamp.Doubt = false }

// ran is the least that has been counted.
func (c Count) ran(boot time.Duration) int64 { return c.stamp.Counted + max(0, int64(boot-c.at)) }

// believed: the wall clock is right by the rule of the two clocks. Both agree; or this host is alone, its kernel says that its clock is
// kept right, and that is at most a day later than what both agreed on lets expect.
func (c Count) believed(n Now) bool {
	if n.Other.Fresh(n.Boot) {
		return n.agree()
	}
	off := time.Duration(n.Wall - c.stamp.Ahead - c.ran(n.Boot))
	return c.stamp.Agreed && n.Synchronised && off >= -clocks.Doubtful && off <= clocks.Leap
}

// Tick returns the stamp of an update that is made now. It measures the uncounted time as soon as a wall clock is
// trusted.
func (c *Count) Tick(n Now) Stamp {
	if !c.begun { // the life of the pair's timers begins
		c.at, c.begun = n.Boot, true
	}
	ran := c.ran(n.Boot)
	switch {
	case !c.stamp.Doubt:
	case c.stamp.Agreed && c.believed(n):
		passed := max(ran, n.Wall-c.stamp.Ahead)
		c.stamp.Added += passed - ran
		ran, c.stamp.Doubt = passed, false
	case !c.stamp.Agreed && n.agree(): // it will never be known: timers are late, and not early
		c.stamp.Doubt = false
	}
	c.stamp.Counted, c.at = ran, n.Boot
	if n.agree() && !c.stamp.Doubt {
		c.stamp.Ahead, c.stamp.Agreed = n.Wall-ran, true
	}
	return c.stamp
}

// Time is the time by which timers are judged.
type Time struct {
	Counted  int64
	Doubt    bool // it may be more
	Added    int64
	Wall     int64
	Believed bool
	Expected int64 // the wall clock's time by the count; 0 if not known
}

// Time returns the time now.
func (c Count) Time(n Now) Time {
	t := Time{Wall: n.Wall, Believed: c.believed(n)}
	t.Counted = c.Tick(n).Counted
	t.Doubt, t.Added = c.stamp.Doubt, c.stamp.Added
	if c.stamp.Agreed {
		t.Expected = c.stamp.Ahead + t.Counted
	}
	return t
}
