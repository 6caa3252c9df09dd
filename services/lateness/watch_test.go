package lateness

import (
	"math/rand/v2"
	"testing"
	"time"
)

const interval = 50 * time.Millisecond // of a lease of 400 ms

// played is a watch on a clock that the test moves.
type played struct {
	*Watch
	now time.Duration
}

func play() *played {
	p := &played{now: time.Hour}
	p.Watch = NewWatch(func() time.Duration { return p.now }, interval)
	return p
}

// beats lets so many intervals pass in which all is well: this main turns, its beat is replied to after rtt, and one comes in.
func (p *played) beats(n int, run uint64, rtt time.Duration) {
	for range n {
		p.Turned()
		sent := p.now
		p.now += rtt
		p.Replied(sent, run)
		p.Heard(run)
		p.now += interval - rtt
	}
}

func TestWatch_AllIsWell(t *testing.T) {
	p := play()
	if d := p.Day(); d.Borne != 0 || d.Measured != 0 {
		t.Errorf("before anything came: %+v", d)
	}
	p.beats(1000, 1, 2*time.Millisecond)
	d := p.Day()
	if d.Measured != 1000*interval || d.Replies.Count != 999 || d.Replies.Longest != 2*time.Millisecond || d.Heard.Longest != 0 || d.Own.Longest != 0 {
		t.Errorf("%+v", d)
	}
	if d.Borne != 100*time.Millisecond { // nothing shorter is allowed
		t.Errorf("borne is %s", d.Borne)
	}
}

// Each of what bounds a lease does so alone: what is late, this main's own turns, and who asks.
func TestWatch_WhatBoundsALease(t *testing.T) {
	for _, c := range []struct {
		name string
		late func(p *played)
		want time.Duration
	}{
		{"a reply is late by 90 ms", func(p *played) {
			sent := p.now
			for p.now < sent+100*time.Millisecond {
				p.Turned()
				p.Heard(1)
				p.now += interval
			}
			p.now = sent + 90*time.Millisecond
			p.Replied(sent, 1)
		}, 250 * time.Millisecond},
		{"nothing is heard for 300 ms more", func(p *played) {
			sent := p.now
			for p.now < sent+300*time.Millisecond {
				p.Turned()
				p.now += interval
			}
			p.Turned()
			p.now += interval
			p.Heard(1)
		}, 350 * time.Millisecond},
		{"this main slept for 200 ms", func(p *played) {
			p.now += 200 * time.Millisecond
			p.Turned()
			p.Heard(1)
		}, 230 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := play()
			p.beats(10, 1, time.Millisecond)
			c.late(p)
			if d := p.Day(); c.want != 0 && d.Borne != c.want {
				t.Errorf("borne is %s, want %s: %+v", d.Borne, c.want, d)
			}
		})
	}
}

// A lease that bears a day bears it by the machine's own rules: replies within half of it, words within its promise, the right without a gap.
func TestBorne_IsWhatTheRulesAllow(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		draw := func() Times {
			return Times{Count: 1, Longest: time.Duration(random.ExpFloat64() * float64(100*time.Millisecond))}
		}
		d := Day{Heard: draw(), Replies: draw(), Own: draw()}
		l := d.borne()
		bears := func(l time.Duration) bool {
			return l/8+d.Replies.Longest < l/2 && l/8+d.Heard.Longest < l+l/10+10*time.Millisecond && l/8+d.Replies.Longest+d.Own.Longest < l
		}
		if !bears(l) {
			t.Fatalf("%s does not bear %+v", l, d)
		}
		if shorter := l - 2*step; shorter >= least && bears(shorter) {
			t.Fatalf("%s would do, %s is said: %+v", shorter, l, d)
		}
	}
}

// What ends with another run or another connection was an outage.
func TestWatch_OutagesAreNoLateness(t *testing.T) {
	for name, outage := range map[string]func(p *played) uint64{
		"its main was started again": func(*played) uint64 { return 2 },
		"the connection was lost":    func(p *played) uint64 { p.Lost(); return 1 },
	} {
		t.Run(name, func(t *testing.T) {
			p := play()
			p.beats(10, 1, time.Millisecond)
			for range 1000 {
				p.Turned()
				p.now += interval
			}
			p.beats(10, outage(p), time.Millisecond)
			if d := p.Day(); d.Heard.Longest > time.Millisecond || d.Replies.Longest > time.Millisecond {
				t.Errorf("%+v", d)
			}
		})
	}
}

// What this main was late itself is said of nobody else, but for the one interval that the role machine does not forgive either.
func TestWatch_OwnLateness(t *testing.T) {
	p := play()
	p.beats(10, 1, time.Millisecond)
	sent := p.now
	p.Turned()
	p.now += 300 * time.Millisecond
	p.Turned()
	p.Replied(sent, 1)
	p.Heard(1)
	p.beats(10, 1, time.Millisecond) // the first of them at once
	d := p.Day()
	if d.Heard.Longest > interval || d.Replies.Longest > interval+2*time.Millisecond || d.Own.Longest != 250*time.Millisecond {
		t.Errorf("%+v", d)
	}
}

// A reply that passes a later one says nothing.
func TestWatch_RepliesOutOfOrder(t *testing.T) {
	p := play()
	p.beats(3, 1, time.Millisecond)
	late := p.now
	p.beats(20, 1, time.Millisecond)
	before := p.Day().Replies
	p.Replied(late, 1)
	if after := p.Day().Replies; after != before {
		t.Errorf("%+v, was %+v", after, before)
	}
}

// What is a day old is forgotten, and nothing grows.
func TestWatch_ForgetsAfterADay(t *testing.T) {
	p := play()
	p.beats(10, 1, 40*time.Millisecond)
	for range 23 {
		p.now += time.Hour
		p.Lost()
		p.beats(3, 1, time.Millisecond)
	}
	if d := p.Day(); d.Replies.Longest != 40*time.Millisecond {
		t.Errorf("within a day: %+v", d)
	}
	p.now += 2 * time.Hour
	if d := p.Day(); d.Replies.Longest != time.Millisecond || d.Measured != 24*time.Hour {
		t.Errorf("after a day: %+v", d)
	}
	p.now += 1000 * time.Hour
	if d := p.Day(); d.Replies.Count != 0 || d.Borne != 0 {
		t.Errorf("after weeks: %+v", d)
	}
}

func TestTally_Shares(t *testing.T) {
	var one tally
	for i := range 100_000 {
		d := time.Millisecond
		if i%1000 == 0 {
			d = 30 * time.Millisecond
		}
		if i == 500 {
			d = time.Hour
		}
		one.add(0, d)
	}
	d := one.day(0)
	if d.Median != time.Millisecond || d.Slow < time.Millisecond || d.Slow > 36*time.Millisecond || d.Slowest < 30*time.Millisecond || d.Slowest > 36*time.Millisecond || d.Longest != time.Hour {
		t.Errorf("%+v", d)
	}
}

func TestBucket_HoldsWhatItSays(t *testing.T) {
	for d := time.Duration(0); d < 2*time.Minute; d += 37 * time.Microsecond {
		i := bucket(d)
		if i < buckets-1 && d > bound(i) || i > 0 && d <= bound(i-1) {
			t.Fatalf("%s is in bucket %d, which ends at %s", d, i, bound(i))
		}
	}
}

func TestAdvice(t *testing.T) {
	day := func(replies time.Duration, measured time.Duration) Day {
		d := Day{Measured: measured, Heard: Times{Count: 9, Longest: time.Millisecond}, Replies: Times{Count: 9, Longest: replies}}
		d.Borne = d.borne()
		return d
	}
	for _, c := range []struct {
		day    Day
		lease  time.Duration
		short  bool
		remedy bool
	}{
		{Day{}, time.Second, false, false},
		{day(4*time.Millisecond, time.Minute), time.Second, false, false},
		{day(4*time.Millisecond, 24*time.Hour), time.Second, false, false},
		{day(4*time.Millisecond, 24*time.Hour), 200 * time.Millisecond, false, false},
		{day(200*time.Millisecond, time.Hour), 400 * time.Millisecond, true, true},
	} {
		text, short, remedy := c.day.Advice(c.lease)
		if short != c.short || (remedy != "") != c.remedy || len(text) == 0 {
			t.Errorf("%+v: %q, %t, %q", c.day, text, short, remedy)
		}
	}
	a, b := day(4*time.Millisecond, time.Hour), day(200*time.Millisecond, time.Minute)
	if all := Both(a, b); all.Borne != b.Borne || all.Measured != time.Minute || all.Replies.Count != 18 {
		t.Errorf("%+v", all)
	}
	if all := Both(a, Day{}); all.Borne != 0 {
		t.Errorf("one has measured nothing: %+v", all)
	}
}
