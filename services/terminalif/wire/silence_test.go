package wire

import (
	"testing"
	"time"
)

// A process that is woken in time at the end only was late all the same (T11).
func TestSilence_LatenessIsThatOfTheWholeWait(t *testing.T) {
	began := time.Now()
	for name, c := range map[string]struct {
		at   []time.Duration // when it was woken
		late time.Duration
	}{
		"in time":           {[]time.Duration{1, 50, 100, 120, 150}, 0},
		"once":              {[]time.Duration{50, 450, 450, 500}, 350},
		"a little each":     {[]time.Duration{120, 240, 360, 480}, 280},
		"at the end":        {[]time.Duration{50, 100, 600}, 450},
		"the clock is back": {[]time.Duration{50, 40, 90}, 0},
	} {
		w := wakes{last: began}
		for _, at := range c.at {
			w.woken(began.Add(at * time.Millisecond))
		}
		if w.late != c.late*time.Millisecond {
			t.Errorf("%s: %v late, want %v ms", name, w.late, int(c.late))
		}
	}
}
