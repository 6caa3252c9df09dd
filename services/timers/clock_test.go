package timers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/modeltest"
)

// Two hosts whose wall clocks are set, that stop and start, and two timers that are due at the same time, one by each clock. Time goes by in
// steps of twelve hours.

const (
	unit    = 12 * time.Hour
	horizon = 4 // units
	due     = 2
	year    = 365 * 24 * time.Hour
)

// offs are what a wall clock may be wrong.
var offs = [...]time.Duration{0, 12 * time.Hour, 10 * year, -10 * year}

// epoch is what right wall clocks say at the beginning.
const epoch = int64(50 * year)

type side struct {
	up    bool
	off   uint8
	count Count
	disk  Stamp
}

// outage is a pair in time.
type outage struct {
	now    uint8
	sides  [2]side
	active int8
	jumps  uint8 // that may still happen
	stops  uint8
	wrong  bool  // both clocks were wrong alike: they are believed
	alone  uint8 // how often a host measured alone how long nobody counted
}

// rules are what keeps the clocks right. Tests take one away.
type rules struct {
	oneClock bool // that of the other host is not asked
	anyAlone bool // alone, every clock is believed that the kernel calls right
	noDoubt  bool // nothing passes while nobody counts
	anyWall  bool // how much passed is measured by a clock that is not believed
	unsaid   bool // an update does not say that its time is in doubt
}

func (o *outage) boot(i int) time.Duration {
	return time.Duration(o.now)*unit + time.Duration(i+1)*1000*time.Hour
}

// reads what the clocks of a host say.
func (o *outage) reads(i int, r rules) Now {
	read := func(i int) clocks.Reading {
		return clocks.Reading{Boot: o.boot(i), Wall: epoch + int64(o.now)*int64(unit) + int64(offs[o.sides[i].off])}
	}
	n := Now{Reading: read(i), Synchronised: true}
	both := o.sides[1-i].up
	if both {
		n.Other = clocks.Compare(n.Boot, n.Reading, read(1-i).Wall)
	}
	if r.oneClock && both || r.anyAlone && !both || r.anyWall && o.sides[i].count.stamp.Doubt {
		n.Other = clocks.Compare(n.Boot, n.Reading, n.Wall)
	}
	return n
}

// update is one by the active.
func (o *outage) update(r rules) {
	i := int(o.active)
	s := o.sides[i].count.Tick(o.reads(i, r))
	if r.unsaid {
		s.Doubt = false
	}
	o.sides[i].disk = s
	if other := &o.sides[1-i]; other.up {
		other.disk = s
		other.count.Observe(s, o.boot(1-i))
	}
}

func (o outage) next(r rules, visit func(what string, after outage)) {
	try := func(what string, if_ bool, change func(*outage)) {
		if !if_ {
			return
		}
		after := o
		change(&after)
		if after.sides[0].up && after.sides[1].up && after.sides[0].off == after.sides[1].off && after.sides[0].off != 0 {
			after.wrong = true
		}
		if i := int(after.active); i >= 0 {
			c := &after.sides[i].count
			doubt := c.stamp.Doubt
			c.Tick(after.reads(i, r))
			if doubt && !c.stamp.Doubt && !after.sides[1-i].up {
				after.alone++
			}
		}
		visit(what, after)
	}
	try("twelve hours pass", o.now < horizon, func(a *outage) { a.now++ })
	try("an update", o.active >= 0, func(a *outage) { a.update(r) })
	for i := range o.sides {
		s, other, name := &o.sides[i], &o.sides[1-i], string(rune('a'+i))
		try(name+" stops", s.up && o.stops > 0, func(a *outage) {
			a.stops--
			a.sides[i].up, a.sides[i].count = false, Count{}
			if a.active == int8(i) {
				a.active = -1
			}
		})
		try(name+" starts", !s.up, func(a *outage) {
			g := &a.sides[i]
			if other.up {
				g.disk = other.disk // it catches up
			}
			g.up, g.count = true, Open(g.disk, a.boot(i))
			if r.noDoubt {
				g.count.Settle()
			}
		})
		try(name+" serves", s.up && o.active < 0 && s.disk.Counted >= other.disk.Counted, func(a *outage) { a.active = int8(i) })
		for k := range offs {
			try(fmt.Sprintf("the clock of %s is set wrong by %s", name, offs[k]), o.jumps > 0 && int(s.off) != k, func(a *outage) {
				a.jumps--
				a.sides[i].off = uint8(k)
			})
		}
	}
}

// verdicts on both timers by whoever serves.
func (o outage) verdicts(r rules) (after, at Verdict, lateness [2]time.Duration) {
	t := o.sides[o.active].count.Time(o.reads(int(o.active), r))
	after, lateness[0] = Entry{Due: due * int64(unit)}.Judge(t)
	at, lateness[1] = Entry{Wall: true, Due: epoch + due*int64(unit)}.Judge(t)
	return after, at, lateness
}

// broken says which law is.
func (o outage) broken(r rules) string {
	if o.active < 0 || o.wrong {
		return ""
	}
	after, at, lateness := o.verdicts(r)
	a, b := o.sides[o.active], o.sides[1-o.active]
	left := (due - time.Duration(o.now)) * unit
	allowed := time.Duration(o.alone) * clocks.Leap
	switch right := b.up && a.off == 0 && b.off == 0; {
	case after == Due && left > allowed:
		return "a timer fires before its time has passed"
	case at == Due && b.up && left > 0:
		return "a timer fires before its hour, and both hosts are there"
	case at == Due && left > allowed+clocks.Leap:
		return "a timer fires before its hour"
	case right && left <= 0 && (after != Due || at != Due):
		return fmt.Sprintf("a timer is not run: %d, %d", after, at)
	case right && o.alone == 0 && (lateness[0] != -left || lateness[1] != -left):
		return fmt.Sprintf("the lateness is said to be %v", lateness)
	}
	return ""
}

// wander visits every pair in time, and gives a shortest way to a broken law, nil if there is none.
func wander(r rules) (states, held int, path []string) {
	start := outage{jumps: 2, stops: 3}
	for i := range start.sides {
		start.sides[i] = side{up: true, count: Open(Stamp{}, start.boot(i))}
	}
	start.update(r)
	states, path = modeltest.Explore(start, modeltest.Same, func(o outage, visit modeltest.Visit[outage]) {
		o.next(r, func(what string, after outage) { visit(what, after, "") })
	}, func(o outage) string {
		if o.active >= 0 {
			if v, w, _ := o.verdicts(r); v == Deferred || w == Deferred {
				held++
			}
		}
		return o.broken(r)
	})
	return states, held, path
}

func TestClock_NoTimerFiresEarlyAndNoneIsForgotten(t *testing.T) {
	states, held, path := wander(rules{})
	t.Logf("measured: %d states, in %d of them a timer is held", states, held)
	if path != nil || held == 0 {
		t.Errorf("%s", strings.Join(path, "\n"))
	}
	for _, c := range []struct {
		broken rules
		says   string
	}{
		{rules{oneClock: true}, "before its hour"},
		{rules{anyAlone: true}, "before its"},
		{rules{noDoubt: true}, ""},
		{rules{anyWall: true}, "before its time"},
		{rules{unsaid: true}, "lateness"},
	} {
		_, _, path := wander(c.broken)
		modeltest.Breaks(t, c.broken, path, c.says)
	}
}
