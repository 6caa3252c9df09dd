package timers

import (
	"time"

	"github.com/hotpair/hotpair/services/clocks"
)

// Stamp is what each update records of time, so that the next host goes on from it.
type Stamp struct {
	Counted int64 // nanoseconds that passed in the life of the pair
	Ahead   int64 // of the wall clocks over Counted, when those of both hosts last agreed
	Agreed  bool  // they have
	Doubt   bool  // more has passed than Counted says, and nobody knows yet how much
	Added   int64 // what was added so far when a doubt ended: timers that were set in the doubt are due so much later
}

// Now is what a host's clocks say.
type Now struct {
	clocks.Reading
	Other        clocks.Difference // the last comparison with the other host
	Synchronised bool              // the kernel says that something keeps the wall clock right
}

// agree: both hosts' wall clocks say the same, and this one was not set since.
func (n Now) agree() bool {
	set := time.Duration(n.Wall - n.Other.Own.Wall - int64(n.Boot-n.Other.Own.Boot))
	return n.Other.Fresh(n.Boot) && n.Other.Other.Abs() <= clocks.Doubtful-n.Other.Error && set.Abs() <= clocks.Doubtful
}

// Count is how one process of a host counts time. It goes on from the last stamp by the clock that counts sleep and is never set.
//
// Pair time would not do: it is put right by wall clocks that agree, so it leaps, and a timer of an hour would fire at once or in years.
// Nor would pair time with outages added, because what puts it right adds them too.
type Count struct {
	stamp Stamp
	at    time.Duration // when it was
	begun bool          // there is a stamp
}

// Open begins with what is on the disk. How long ago that was is in doubt, but for a pair that has no update yet.
func Open(s Stamp, boot time.Duration) Count {
	s.Doubt = s != Stamp{}
	return Count{stamp: s, at: boot, begun: s.Doubt}
}

// Observe takes the stamp of an update as it is made, by this host or the other one. One that is caught up with later says nothing.
func (c *Count) Observe(s Stamp, boot time.Duration) {
	switch ran := c.ran(boot); {
	case !c.begun: // this one has counted nothing but its own life
	case !c.stamp.Doubt && (s.Doubt || ran > s.Counted): // whoever made it knows less
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

// Unsure reports whether it has counted nothing yet, or not all.
func (c Count) Unsure() bool { return !c.begun || c.stamp.Doubt }

// Settle ends the doubt as an operator has it: nothing counts of the time in which nobody did.
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

// Tick gives the stamp of an update that is made now. It measures how long nobody counted as soon as a wall clock is believed.
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
	case !c.stamp.Agreed && n.agree(): // nobody will ever know: what was set is late, and not early
		c.stamp.Doubt = false
	}
	c.stamp.Counted, c.at = ran, n.Boot
	if n.agree() && !c.stamp.Doubt {
		c.stamp.Ahead, c.stamp.Agreed = n.Wall-ran, true
	}
	return c.stamp
}

// Time is what timers are judged by.
type Time struct {
	Counted  int64
	Doubt    bool // it may be more
	Added    int64
	Wall     int64
	Believed bool
	Expected int64 // what the wall clock would say if it went as counted; 0 when that is not known
}

// Time gives the time now.
func (c Count) Time(n Now) Time {
	t := Time{Wall: n.Wall, Believed: c.believed(n)}
	t.Counted = c.Tick(n).Counted
	t.Doubt, t.Added = c.stamp.Doubt, c.stamp.Added
	if c.stamp.Agreed {
		t.Expected = c.stamp.Ahead + t.Counted
	}
	return t
}
