package clocks

import (
	"math"
	"testing"
	"time"
)

func TestCompare_CountsHalfOfTheTrip(t *testing.T) {
	own := Reading{Boot: 100 * time.Second, Wall: int64(5000 * time.Second)}
	for what, c := range map[string]struct {
		trip          time.Duration
		other         int64
		want, within  time.Duration
		agree, differ bool
	}{
		"the same":                {0, own.Wall, 0, 0, true, false},
		"a way of a second":       {time.Second, own.Wall - int64(500*time.Millisecond), 0, 500 * time.Millisecond, true, false},
		"just together":           {0, own.Wall + int64(Apart), Apart, 0, true, false},
		"just apart":              {0, own.Wall - int64(Apart) - 1, -Apart - 1, 0, false, true},
		"too slow to be sure":     {8 * time.Second, own.Wall + int64(4*time.Second), 8 * time.Second, 4 * time.Second, false, false},
		"apart for all that":      {8 * time.Second, own.Wall + int64(11*time.Second), 15 * time.Second, 4 * time.Second, false, true},
		"nothing a clock can say": {0, math.MinInt64, math.MinInt64, 0, false, true},
		"nor this":                {0, math.MaxInt64, time.Duration(math.MaxInt64 - own.Wall), 0, false, true},
	} {
		d := Compare(own.Boot-c.trip, own, c.other)
		if d.Other != c.want || d.Error != c.within || d.Agree() != c.agree || d.Differ() != c.differ {
			t.Errorf("%s: %+v, agree %v, differ %v", what, d, d.Agree(), d.Differ())
		}
	}
	if none := (Difference{}); none.Agree() || none.Differ() || none.Fresh(0) {
		t.Error("no comparison says something")
	}
}

func TestWatch_TellsEachMinuteAndWhatIsNew(t *testing.T) {
	var w Watch
	at := func(now, other time.Duration) bool {
		own := Reading{Boot: now, Wall: int64(now)}
		return w.Add(Compare(now, own, own.Wall+int64(other)))
	}
	for i, c := range []struct {
		now, other time.Duration
		want       bool
	}{
		{time.Hour, 0, true}, {time.Hour + time.Second, time.Second, false}, {time.Hour + 2*time.Second, time.Minute, true},
		{time.Hour + 3*time.Second, time.Minute, false}, {time.Hour + 4*time.Second, 0, true}, {time.Hour + time.Minute, 0, false}, {time.Hour + 64*time.Second, 0, true},
	} {
		if got := at(c.now, c.other); got != c.want {
			t.Errorf("step %d: told %v", i, got)
		}
	}
	if d := w.Last(time.Hour + 65*time.Second); !d.Agree() {
		t.Errorf("the last is %+v", d)
	}
	if d := w.Last(2 * time.Hour); d != (Difference{}) {
		t.Errorf("an hour later it still says %+v", d)
	}
}
