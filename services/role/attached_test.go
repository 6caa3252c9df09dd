package role

import (
	"testing"
	"time"
)

// With thousands of terminals the order's time is over before the last is attached; who reads the event must see that those
// are not all.
func TestAttached_TellsWhoIsToCome(t *testing.T) {
	for _, c := range []struct {
		in   TerminalsAttached
		text string
	}{
		{TerminalsAttached{Epoch: 3, Attached: 49, Refused: 1}, "takeover complete: 49 terminals attached, 1 refused"},
		{TerminalsAttached{Epoch: 3, Attached: 113, Waiting: 1387}, "takeover complete: 113 terminals attached so far, 0 refused, 1387 to come"},
	} {
		m := New(Config{Host: "a", PairID: "p", Lease: time.Second}, time.Hour)
		m.role, m.term.epoch = Active, 3
		var told []string
		for _, a := range m.Step(time.Hour, c.in) {
			if r, ok := a.(Report); ok {
				told = append(told, r.Text)
			}
		}
		if len(told) != 1 || told[0] != c.text {
			t.Errorf("%+v is told as %q", c.in, told)
		}
	}
}
