package timers

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/clocks"
)

func TestApply_WhatBecomesOfAnEntry(t *testing.T) {
	stored := func(due int64, generation, revision uint64, parked bool) *Stored {
		return &Stored{Entry{Key: "k", Due: due, Generation: generation, Parked: parked}, revision}
	}
	old, parked := stored(5, 3, 4, false), stored(5, 3, 6, true)
	for what, c := range map[string]struct {
		old    *Stored
		change Change
		want   *Stored // with revision 9, unless it is left as it is
		err    error
	}{
		"set":                        {nil, Change{Kind: Set, After: 10, Entry: Entry{Key: "k"}}, stored(110, 9, 9, false), nil},
		"set in the past":            {nil, Change{Kind: Set, After: -10, Entry: Entry{Key: "k"}}, stored(100, 9, 9, false), nil},
		"set by the wall clock":      {nil, Change{Kind: Set, After: 10, Entry: Entry{Key: "k", Wall: true, Due: 7}}, stored(7, 9, 9, false), nil},
		"moved":                      {parked, Change{Kind: Set, After: 10, Entry: Entry{Key: "k", Parked: true}}, stored(110, 9, 9, false), nil},
		"cancelled":                  {old, Change{Kind: Cancel}, nil, nil},
		"cancelled, and not there":   {nil, Change{Kind: Cancel}, nil, nil},
		"fired":                      {old, Change{Kind: Fire, Revision: 4}, nil, nil},
		"dropped":                    {old, Change{Kind: Drop, Revision: 4}, nil, nil},
		"fired, and moved before":    {old, Change{Kind: Fire, Revision: 3}, old, ErrMoved},
		"fired, and fired before":    {nil, Change{Kind: Fire, Revision: 4}, nil, ErrMoved},
		"parked":                     {old, Change{Kind: Park, Revision: 4}, stored(5, 3, 9, true), nil},
		"released":                   {parked, Change{Kind: Release, Revision: 6}, stored(5, 3, 9, false), nil},
		"released, and moved before": {parked, Change{Kind: Release, Revision: 4}, parked, ErrMoved},
		"nothing of the kind":        {old, Change{Kind: 99}, old, ErrInvalid},
		"no kind":                    {old, Change{}, old, ErrInvalid},
	} {
		got, err := Apply(c.old, c.change, Stamp{Counted: 100}, 9)
		if !errors.Is(err, c.err) || err == nil && c.err != nil || keep(got) != keep(c.want) {
			t.Errorf("%s: %+v, %v", what, got, err)
		} else if got != nil && (got.Due != c.want.Due || got.Key != c.want.Key) {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

func TestJudge_ByTheRuleOfItsClock(t *testing.T) {
	hour := int64(time.Hour)
	sure := Time{Counted: 10 * hour, Wall: 1000 * hour, Believed: true, Expected: 1000 * hour}
	doubt, disbelieved, unknown := sure, sure, sure
	doubt.Doubt = true
	disbelieved.Believed = false
	unknown.Believed, unknown.Expected = false, 0
	for what, c := range map[string]struct {
		e    Entry
		t    Time
		want Verdict
		late time.Duration
	}{
		"before":                        {Entry{Due: 11 * hour}, sure, Waits, -time.Hour},
		"at its time":                   {Entry{Due: 10 * hour}, sure, Due, 0},
		"late":                          {Entry{Due: 9 * hour}, sure, Due, time.Hour},
		"late, to be skipped":           {Entry{Due: 9 * hour, Late: Skip}, sure, Skipped, time.Hour},
		"hardly late, to be skipped":    {Entry{Due: 10*hour - int64(Grace), Late: Skip}, sure, Due, Grace},
		"in doubt":                      {Entry{Due: 9 * hour}, doubt, Deferred, time.Hour},
		"in doubt, and perhaps not due": {Entry{Due: 11 * hour}, doubt, Deferred, -time.Hour},
		"parked":                        {Entry{Due: 9 * hour, Parked: true}, doubt, Stands, time.Hour},
		"by the wall, before":           {Entry{Wall: true, Due: 1001 * hour}, sure, Waits, -time.Hour},
		"by the wall, late":             {Entry{Wall: true, Due: 999 * hour}, doubt, Due, time.Hour},
		"by the wall, skipped":          {Entry{Wall: true, Due: 999 * hour, Late: Skip}, sure, Skipped, time.Hour},
		"by the wall, not believed":     {Entry{Wall: true, Due: 999 * hour, Late: Skip}, disbelieved, Deferred, time.Hour},
		"expected, not believed":        {Entry{Wall: true, Due: 1001 * hour}, Time{Wall: 1000 * hour, Expected: 1002 * hour}, Deferred, -time.Hour},
		"not expected yet":              {Entry{Wall: true, Due: 1001 * hour}, disbelieved, Waits, -time.Hour},
		"nothing expected":              {Entry{Wall: true, Due: 1001 * hour}, unknown, Waits, -time.Hour},
	} {
		if got, late := c.e.Judge(c.t); got != c.want || late != c.late {
			t.Errorf("%s: verdict %d, late %v", what, got, late)
		}
	}
}

func TestTries_PauseAndPark(t *testing.T) {
	var tries Tries
	want := FirstPause
	for n := 1; n < MaxTries; n++ {
		for _, o := range []Outcome{Down, Conflict, Unknown} {
			if what, _ := tries.After(o, MaxTries); what != ReadAgain {
				t.Fatalf("outcome %d: %d", o, what)
			}
		}
		what, pause := tries.After(Failed, MaxTries)
		if what != ReadAgain || pause != want {
			t.Errorf("after %d failures: %d, a pause of %v, want %v", n, what, pause, want)
		}
		want = min(2*want, LongestPause)
	}
	if what, _ := tries.After(Failed, MaxTries); what != ParkIt {
		t.Errorf("after all: %d", what)
	}
	for _, o := range []Outcome{Done, Moved} {
		if what, _ := tries.After(o, MaxTries); what != Forget {
			t.Errorf("outcome %d: %d", o, what)
		}
	}
}

func TestCount_BelievesByTheRuleOfTheTwoClocks(t *testing.T) {
	const boot = time.Hour
	wall := epoch + int64(time.Hour)
	c := Open(Stamp{Counted: 1, Ahead: epoch, Agreed: true}, boot)
	c.Settle()
	c.stamp.Counted = int64(time.Hour)
	compare := func(other, trip time.Duration) clocks.Difference {
		return clocks.Compare(boot-trip, clocks.Reading{Boot: boot, Wall: wall}, wall+int64(other)-int64(trip/2))
	}
	later := clocks.Reading{Boot: boot + clocks.Stale + 1, Wall: wall + int64(clocks.Stale) + 1}
	wrong := clocks.Compare(boot, clocks.Reading{Boot: boot, Wall: wall}, math.MinInt64)
	for what, x := range map[string]struct {
		now  Now
		want bool
	}{
		"both agree":             {Now{clocks.Reading{Boot: boot, Wall: wall}, compare(clocks.Doubtful, 0), false}, true},
		"both nearly agree":      {Now{clocks.Reading{Boot: boot, Wall: wall}, compare(clocks.Doubtful+1, 0), true}, false},
		"a slow comparison":      {Now{clocks.Reading{Boot: boot, Wall: wall}, compare(0, 11*time.Second), true}, false},
		"set since":              {Now{clocks.Reading{Boot: boot + 1, Wall: wall + int64(time.Minute)}, compare(0, 0), true}, false},
		"nothing a clock says":   {Now{clocks.Reading{Boot: boot, Wall: wall}, wrong, true}, false},
		"alone":                  {Now{clocks.Reading{Boot: boot, Wall: wall}, clocks.Difference{}, true}, true},
		"alone, kept by nothing": {Now{clocks.Reading{Boot: boot, Wall: wall}, clocks.Difference{}, false}, false},
		"alone, a day later":     {Now{clocks.Reading{Boot: boot, Wall: wall + int64(clocks.Leap)}, clocks.Difference{}, true}, true},
		"alone, more than a day": {Now{clocks.Reading{Boot: boot, Wall: wall + int64(clocks.Leap) + 1}, clocks.Difference{}, true}, false},
		"alone, earlier":         {Now{clocks.Reading{Boot: boot, Wall: wall - int64(clocks.Doubtful) - 1}, clocks.Difference{}, true}, false},
		"an old comparison":      {Now{later, compare(time.Hour, 0), true}, true},
	} {
		if got := c.Time(x.now).Believed; got != x.want {
			t.Errorf("%s: believed %v", what, got)
		}
	}
	if never := Open(Stamp{}, boot); never.Time(Now{clocks.Reading{Boot: boot, Wall: wall}, clocks.Difference{}, true}).Believed {
		t.Error("a clock is believed that never agreed with another one")
	}
}

// TestCount_GoesOnFromWhoeverKnowsMore: a host that has counted all along takes no lower count, and no doubt, from one that was started anew.
func TestCount_GoesOnFromWhoeverKnowsMore(t *testing.T) {
	c := Open(Stamp{}, 0)
	c.Observe(Stamp{Counted: 100, Ahead: 1000, Agreed: true}, 10)
	c.Observe(Stamp{Counted: 50, Ahead: 1000, Agreed: true, Doubt: true}, 20)
	if got := c.Time(Now{Reading: clocks.Reading{Boot: 30}}); got.Counted != 120 || got.Doubt {
		t.Errorf("beside one in doubt: %+v", got)
	}
	c.Observe(Stamp{Counted: 115, Ahead: 1000, Agreed: true}, 30) // made a little earlier
	if got := c.Time(Now{Reading: clocks.Reading{Boot: 30}}); got.Counted != 120 || got.Expected != 1115 {
		t.Errorf("after one that was on the way: %+v", got)
	}
	c = Open(Stamp{Counted: 100}, 0)
	c.Observe(Stamp{Counted: 90, Doubt: true}, 0)
	if got := c.Time(Now{}); got.Counted != 100 || !got.Doubt {
		t.Errorf("two in doubt: %+v", got)
	}
	c.Observe(Stamp{Counted: 500}, 10)
	if got := c.Time(Now{}); got.Counted != 500 || got.Doubt {
		t.Errorf("one that knows: %+v", got)
	}
}
