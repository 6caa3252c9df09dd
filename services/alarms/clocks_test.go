package alarms

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/clocks"
)

// TestFault_A12_ClocksThatDifferAreAlarms: nothing told of a clock that was wrong until ids were refused.
func TestFault_A12_ClocksThatDifferAreAlarms(t *testing.T) {
	wall := time.Date(2026, 5, 6, 12, 0, 0, 0, time.UTC)
	own := clocks.Reading{Boot: time.Hour, Wall: wall.UnixNano()}
	apart := func(d time.Duration) clocks.Difference {
		return clocks.Compare(own.Boot, own, wall.Add(d).UnixNano())
	}
	for what, c := range map[string]struct {
		clocks    clocks.Difference
		built     time.Time
		pair      time.Duration
		forgotten time.Duration
		want      string
	}{
		"all right":                   {apart(time.Second), wall.Add(-time.Hour), time.Second, -time.Hour, ""},
		"nothing compared":            {clocks.Difference{}, time.Time{}, 0, -time.Hour, ""},
		"just together":               {apart(clocks.Apart), wall, 0, -time.Hour, ""},
		"apart":                       {apart(-clocks.Apart - 1), wall, 0, -time.Hour, ClocksApart},
		"apart, and pair time with b": {apart(time.Hour), wall, time.Hour, -time.Hour, ClocksApart},
		"older than the program":      {apart(0), wall.Add(1), 0, -time.Hour, ClockWrong},
		"pair time ahead":             {apart(0), wall, clocks.Off + 1, -time.Hour, PairTimeAhead},
		"pair time behind":            {apart(0), wall, -time.Hour, -2 * time.Hour, ""},
		"forgotten what is to come":   {apart(0), wall, 0, time.Hour, PairTimeAhead},
	} {
		f := Facts{Host: "a", Now: time.Hour, Wall: wall, Clocks: c.clocks, Built: c.built,
			Updater: &bus.UpdaterState{PairTime: wall.Add(c.pair).UnixNano(), Forgotten: wall.Add(c.forgotten).UnixNano()}}
		got := judge(f, (&history{}).add(f), false)
		if len(got) != min(1, len(c.want)) || c.want != "" && got[c.want] == "" {
			t.Errorf("%s: %v, want %q", what, got, c.want)
		}
	}
}
