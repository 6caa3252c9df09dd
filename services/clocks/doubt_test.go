package clocks

import (
	"strings"
	"testing"
	"time"
)

// A clock that jumped by years must not make certificates worthless: it is in doubt until something keeps it right again.
func TestDoubt(t *testing.T) {
	start := time.Date(2026, 5, 6, 12, 0, 0, 0, time.UTC)
	for what, c := range map[string]struct {
		jump         time.Duration
		synchronised bool
		built        time.Time
		other        time.Duration
		within       time.Duration
		want         string
	}{
		"all right, and nothing keeps it so":       {want: ""},
		"slewed":                                   {jump: Doubtful, want: ""},
		"jumped by three years":                    {jump: 3 * 365 * 24 * time.Hour, want: "jumped by 26280h"},
		"jumped back":                              {jump: -time.Hour, want: "jumped by -1h"},
		"set by what keeps it right":               {jump: time.Hour, synchronised: true, want: ""},
		"set by years by what keeps it right":      {jump: 10 * 365 * 24 * time.Hour, synchronised: true, want: "jumped by 87600h"},
		"set back by years by what keeps it right": {jump: -2 * 365 * 24 * time.Hour, synchronised: true, want: "jumped by -17520h"},
		"set from before the program was built":    {jump: 365 * 24 * time.Hour, synchronised: true, built: start.Add(time.Hour), want: ""},
		"older than the program":                   {built: start.Add(time.Hour), synchronised: true, want: "built on 2026-05-06"},
		"the other host just together":             {other: Doubtful, synchronised: true, want: ""},
		"the other host apart":                     {other: -Doubtful - time.Second, synchronised: true, want: "differ by 6s"},
		"too slow to be sure":                      {other: 8 * time.Second, within: 4 * time.Second, want: ""},
	} {
		r := Reading{Boot: time.Hour, Wall: start.UnixNano()}
		d := NewDoubt(func() Reading { return r }, func() bool { return c.synchronised }, c.built)
		r.Boot += time.Minute
		r.Wall += int64(time.Minute + c.jump)
		if c.other != 0 {
			d.Compared(Difference{Own: r, Other: c.other, Error: c.within})
			d.Compared(Difference{}) // nothing new
		}
		if got := d.Why(); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
}

// What is set right is believed from there on, and doubted again when it jumps again.
func TestDoubt_EndsWithWhatKeepsItRight(t *testing.T) {
	r, kept := Reading{Boot: time.Hour, Wall: time.Now().UnixNano()}, false
	d := NewDoubt(func() Reading { return r }, func() bool { return kept }, time.Time{})
	r.Wall += int64(time.Hour)
	for _, c := range []struct {
		kept bool
		jump time.Duration
		want bool
	}{{false, 0, true}, {true, 0, false}, {false, 0, false}, {false, -time.Hour, true}, {true, 0, false}} {
		kept = c.kept
		r.Wall += int64(c.jump)
		if (d.Why() != "") != c.want {
			t.Errorf("%+v: in doubt %v (%s)", c, !c.want, d.Why())
		}
	}
}
