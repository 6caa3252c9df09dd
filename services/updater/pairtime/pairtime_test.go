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

// built is when the program of a bench was.
var built = noon.AddDate(-1, 0, 0)

func newBench(wall time.Time) *bench {
	b := &bench{boot: time.Hour, wall: wall, other: wall}
	b.Clock = New(func() time.Duration { return b.boot }, func() time.Time { return b.wall }, built)
	return b
}

// set sets the wall clocks of both hosts.
func (b *bench) set(d time.Duration) { b.wall, b.other = b.wall.Add(d), b.other.Add(d) }

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
	if err := b.MayBegin(); err == nil || !strings.Contains(err.Error(), "87600h0m0s behind this host's") || !strings.Contains(err.Error(), "set the wrong clock") {
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

// TestFault_B4_BothClocksLeapWhileThePairServes: one server of time set the clocks of both hosts wrong. Pair time followed them ten years ahead, and
// ids of now were too old; or two years back, and they were of the future. Neither is right, and neither may refuse ids of now: not at
// the host that serves, nor at the other, nor at one that was started since.
func TestFault_B4_BothClocksLeapWhileThePairServes(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for what, c := range map[string]struct {
		pair, leap time.Duration
		follows    bool
	}{
		"ten years ahead":                             {0, 10 * year, false},
		"an hour ahead":                               {0, time.Hour, false},
		"half a minute ahead":                         {0, 30 * time.Second, true},
		"two years back":                              {0, -2 * year, true},
		"half a minute back":                          {0, -30 * time.Second, false},
		"ahead, of a pair born before it was built":   {-20 * year, 20 * year, true},
		"back, of a pair that was born ten years on":  {10 * year, -10 * year, true},
		"ahead, of a pair that is two hours too late": {-2 * time.Hour, 2 * time.Hour, false},
	} {
		now := noon.Add(c.pair) // what the clocks say, rightly or not
		serves, standby, started := newBench(now), newBench(now), newBench(now.Add(c.leap))
		all := []*bench{serves, standby, started}
		step := func(hosts ...*bench) {
			frame := serves.Now()
			for _, b := range hosts {
				b.Observe(frame)
				b.compare()
			}
			for _, b := range all {
				b.pass(30 * time.Second)
			}
		}
		serves.Observe(now.UnixNano())
		began := serves.boot
		for range 4 {
			step(serves, standby)
		}
		serves.set(c.leap)
		standby.set(c.leap)
		for range 10 {
			step(all...)
		}
		want := now.Add(serves.boot - began)
		if c.follows {
			want = want.Add(c.leap)
		}
		for i, b := range all {
			if got := b.time(); (got.Sub(want)).Abs() > time.Second {
				t.Errorf("%s: pair time of host %d is %v, want %v", what, i, got, want)
			}
		}
		if latest, of := time.Unix(0, serves.Latest()), now.Add(serves.boot-began); latest.Before(of) {
			t.Errorf("%s: ids of %v are of the future, up to %v are taken", what, of, latest)
		}
	}
	// A pair that is born in between, after its clocks were compared.
	born, standby := newBench(noon), newBench(noon)
	for _, b := range []*bench{born, standby} {
		b.compare()
		b.Observe(born.Now())
		b.set(10 * year)
		b.compare()
		if got := b.time(); !got.Equal(noon) {
			t.Errorf("of a pair that was just born: %v", got)
		}
	}
	// A night in which both were off, and the processes are started behind it.
	b := newBench(noon)
	b.Observe(noon.Add(-10 * time.Hour).UnixNano())
	b.pass(time.Minute)
	b.compare()
	if got := b.time(); !got.Equal(b.wall) {
		t.Errorf("after a night: %v, the clocks say %v", got, b.wall)
	}
}
