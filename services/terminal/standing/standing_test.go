package standing

import (
	"testing"
	"time"
)

// Another host is a takeover, the same one an outage, and each is felt as long as somebody waits.
func TestStanding_SumsUpWhatWasFelt(t *testing.T) {
	var s Standing
	measured := 0
	s.Measured = func() { measured++ }
	began := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	at := func(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }
	a, b := Session{"a", "id-a"}, Session{"b", "id-b"}
	s.Since = at(0)
	s.Lost(false, at(1)) // nobody was there
	if s.Since != at(0) {
		t.Error(s.Since)
	}
	s.Came(a, false, 3, at(0), at(1)) // the first one interrupts nothing
	s.Answered(at(2))
	s.Came(b, true, 0, at(3), at(3)) // nobody waits
	s.Answered(at(4))
	last, total := s.Takeover()
	if (last != Interruption{At: at(3), From: "a", To: "b"}) || (total != Total{Count: 1}) || measured != 0 || s.Feels() {
		t.Errorf("%+v %+v, measured %d times", last, total, measured)
	}
	s.Lost(true, at(10))
	s.Came(a, false, 2, at(11), at(13))
	if !s.Feels() {
		t.Error("nobody feels it")
	}
	s.Answered(at(15))
	s.Answered(at(16))
	last, total = s.Takeover()
	if (last != Interruption{At: at(13), Away: 3 * time.Second, Waiting: 2, Felt: 4 * time.Second, From: "b", To: "a"}) || (total != Total{Count: 2, Felt: 1, For: 4 * time.Second}) || measured != 1 || s.Feels() {
		t.Errorf("%+v %+v, measured %d times", last, total, measured)
	}
	s.GaveUp() // while somebody was there, as far as is known
	s.Lost(true, at(20))
	s.GaveUp()
	s.Came(a, false, 1, at(20), at(21))
	s.Answered(at(22))
	last, total = s.Outage()
	if (last != Interruption{At: at(21), Away: time.Second, Waiting: 1, Felt: 2 * time.Second, GivenUp: 1, From: "a", To: "a"}) || (total != Total{Count: 1, Felt: 1, For: 2 * time.Second}) {
		t.Errorf("%+v %+v", last, total)
	}
	if _, total := s.Takeover(); total.Count != 2 {
		t.Errorf("an outage counts as a takeover: %+v", total)
	}
}
