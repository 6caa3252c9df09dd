package pairtime

import (
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/clocks"
)

// bench is a clock with the clocks under it, of which those on the wall can be set.
type bench struct {
	*Clock
	boot        time.Duration
	wall, other time.Time
}

func newBench(wall time.Time) *bench {
	b := &bench{boot: time.Hour, wall: wall, other: wall}
	b.Clock = New(func() time.Duration { return b.boot }, func() time.Time { return b.wall })
	return b
}

// pass lets time go by everywhere.
func (b *bench) pass(d time.Duration) {
	b.boot += d
	b.wall, b.other = b.wall.Add(d), b.other.Add(d)
}

// compare compares the wall clocks of both hosts.
func (b *bench) compare() {
	b.Compared(clocks.Compare(b.boot, clocks.Reading{Boot: b.boot, Wall: b.wall.UnixNano()}, b.other.UnixNano()))
}

func (b *bench) time() time.Time { return time.Unix(0, b.Now()) }

var noon = time.Date(2026, 5, 6, 12, 0, 0, 0, time.UTC)

func TestClock_IgnoresTheWallClockOfOneHost(t *testing.T) {
	b := newBench(noon)
	start := b.Now()
	if start != noon.UnixNano() {
		t.Fatalf("first pair time %d", start)
	}
	b.wall = b.wall.Add(2 * time.Hour) // someone sets the clock
	b.compare()
	b.pass(time.Second)
	if got := b.Now() - start; got != int64(time.Second) {
		t.Errorf("a second later it is %d later", got)
	}
	b.Observe(start) // the frame of a second ago is committed now
	if got := b.Now() - start; got != int64(time.Second) {
		t.Errorf("observing an old frame moved the time to %d", got)
	}
	b.Observe(start + int64(time.Hour))
	if got := b.Now() - start; got != int64(time.Hour) {
		t.Errorf("observing a frame of the future gave %d", got)
	}
}

// TestPairTime_V9bClockTwoHoursAheadForgetsNothing: a host whose wall clock is two hours ahead takes over. Ages go on from the last
// frame of the other, so no answer has become too old by it; and a host that is behind makes nothing live longer.
func TestPairTime_V9bClockTwoHoursAheadForgetsNothing(t *testing.T) {
	for _, off := range []time.Duration{2 * time.Hour, -2 * time.Hour} {
		b := newBench(noon.Add(off))
		b.Observe(noon.UnixNano())
		b.pass(3 * time.Second) // until the takeover
		if got := b.time().Sub(noon); got != 3*time.Second {
			t.Errorf("a clock off by %v makes the first frame of the takeover %v later than the last", off, got)
		}
	}
}

// TestFault_B4_TimeMovesToClocksThatAgree: pair time was set once and never corrected. Hosts that are off each night fell behind for good, so
// that answers were kept for ever longer; a pair that was born with a wrong clock refused the ids of applications whose clocks were right.
func TestFault_B4_TimeMovesToClocksThatAgree(t *testing.T) {
	year := 365 * 24 * time.Hour
	for what, pair := range map[string]time.Duration{
		"off for a night": -8 * time.Hour, "born in another decade": -30 * year, "born ten years ahead": 10 * year, "a little behind": -time.Millisecond,
	} {
		b := newBench(noon)
		b.Observe(noon.Add(pair).UnixNano())
		b.pass(time.Second)
		if got := b.time(); !got.Equal(noon.Add(pair + time.Second)) {
			t.Errorf("%s: %v before anything was compared", what, got)
		}
		b.compare()
		b.pass(time.Second)
		if got := b.time(); !got.Equal(b.wall) {
			t.Errorf("%s: %v, the clocks say %v", what, got, b.wall)
		}
		b.pass(clocks.Stale) // it runs on alone
		if got := b.time(); !got.Equal(b.wall) {
			t.Errorf("%s: later it is %v, the clocks say %v", what, got, b.wall)
		}
		// The other host, which takes over, follows what it is sent.
		follower := newBench(noon)
		follower.Observe(noon.Add(pair).UnixNano())
		follower.pass(time.Second)
		follower.Observe(b.Now())
		if got := follower.time(); !got.Equal(b.time()) {
			t.Errorf("%s: the follower is at %v, the other at %v", what, got, b.time())
		}
	}
}

// TestFault_B4_TimeDoesNotMoveToOneClock: a clock is believed only with the other host's, and only what they said when they were
// compared.
func TestFault_B4_TimeDoesNotMoveToOneClock(t *testing.T) {
	for what, set := range map[string]func(b *bench){
		"never compared": func(b *bench) { b.wall = b.wall.Add(time.Hour) },
		"apart":          func(b *bench) { b.wall = b.wall.Add(time.Hour); b.compare() },
		"just apart":     func(b *bench) { b.wall = b.wall.Add(clocks.Apart + 1); b.compare() },
		"set since":      func(b *bench) { b.compare(); b.wall = b.wall.Add(time.Hour) },
		"set back since": func(b *bench) { b.compare(); b.wall = b.wall.Add(-time.Hour) },
		"long ago": func(b *bench) {
			b.wall, b.other = b.wall.Add(time.Hour), b.other.Add(time.Hour)
			b.compare()
			b.pass(clocks.Stale + 1)
			b.Observe(noon.Add(clocks.Stale + 1).UnixNano())
		},
		"a little behind": func(b *bench) { b.wall, b.other = b.wall.Add(-clocks.Off), b.other.Add(-clocks.Off); b.compare() },
	} {
		b := newBench(noon)
		start := b.boot
		b.Observe(noon.UnixNano())
		set(b)
		b.pass(time.Second)
		if got := b.time().Sub(noon); got != b.boot-start {
			t.Errorf("%s: %v later it is %v later", what, b.boot-start, got)
		}
	}
}

// TestFault_A12_NoPairBeginsByAClockThatIsContradicted: the wall clock of whoever was the first to serve gave the pair its time, whatever
// the other host's said.
func TestFault_A12_NoPairBeginsByAClockThatIsContradicted(t *testing.T) {
	b := newBench(noon)
	if err := b.MayBegin(); err != nil {
		t.Errorf("without the other host: %v", err)
	}
	b.wall = b.wall.Add(10 * 365 * 24 * time.Hour)
	b.compare()
	if err := b.MayBegin(); err == nil || !strings.Contains(err.Error(), "87600h0m0s behind that of this one") || !strings.Contains(err.Error(), "set the clock") {
		t.Errorf("ten years ahead: %v", err)
	}
	if b.Shown() != 0 {
		t.Error("it has begun")
	}
	b.wall = b.other
	b.compare() // what the refusal says
	if err := b.MayBegin(); err != nil {
		t.Errorf("once the clock is right: %v", err)
	}
	b.wall = b.wall.Add(time.Hour)
	b.Now()
	b.compare()
	if err := b.MayBegin(); err != nil {
		t.Errorf("a pair that has begun: %v", err)
	}
}

// TestLatest_FollowsTheLaterClock: ids of now are taken after both hosts were down, which pair time does not
// see, and on a host whose own clock is behind.
func TestLatest_FollowsTheLaterClock(t *testing.T) {
	for what, c := range map[string]struct{ pair, wall, want time.Time }{
		"both hosts were down over night": {noon.Add(-12 * time.Hour), noon, noon.Add(Slack)},
		"this host's clock is behind":     {noon, time.Unix(0, 0), noon.Add(Slack)},
	} {
		b := newBench(c.wall)
		b.Observe(c.pair.UnixNano())
		if got := time.Unix(0, b.Latest()).UTC(); !got.Equal(c.want) {
			t.Errorf("%s: up to %v, want %v", what, got, c.want)
		}
	}
}
