package emissions

import (
	"errors"
	"slices"
	"testing"
	"time"
)

func numbers(list []Entry) (n []uint64) {
	for _, e := range list {
		n = append(n, e.Number.Sequence)
	}
	return n
}

func at(sequence uint64) Number { return Number{Epoch: 5, Sequence: sequence} }

func entries(sequences ...uint64) (list []Entry) {
	for _, s := range sequences {
		list = append(list, Entry{Number: at(s), At: int64(s)})
	}
	return list
}

func TestApply_WhatBecomesOfALane(t *testing.T) {
	blocked := Lane{Queue: entries(11, 12), Parked: entries(10)}
	passed := Lane{Queue: entries(11, 12), Parked: entries(10), Passed: at(10)}
	for what, c := range map[string]struct {
		l             Lane
		change        Change
		queue, parked []uint64
		passed        uint64
		err           error
	}{
		"emitted":                  {passed, Change{Kind: Emit, Number: at(20)}, []uint64{11, 12, 20}, []uint64{10}, 10, nil},
		"done":                     {passed, Change{Kind: Done, Number: at(11)}, []uint64{12}, []uint64{10}, 10, nil},
		"done twice":               {passed, Change{Kind: Done, Number: at(9)}, []uint64{11, 12}, []uint64{10}, 10, ErrGone},
		"parked":                   {passed, Change{Kind: Park, Number: at(11)}, []uint64{12}, []uint64{10, 11}, 10, nil},
		"parked, and goes on":      {passed, Change{Kind: Park, Number: at(11), Pass: true}, []uint64{12}, []uint64{10, 11}, 11, nil},
		"parked twice":             {passed, Change{Kind: Park, Number: at(10)}, []uint64{11, 12}, []uint64{10}, 10, ErrGone},
		"goes on":                  {blocked, Change{Kind: Pass, Number: at(10)}, []uint64{11, 12}, []uint64{10}, 10, nil},
		"goes on past nothing":     {blocked, Change{Kind: Pass, Number: at(11)}, []uint64{11, 12}, []uint64{10}, 0, ErrGone},
		"released in its place":    {blocked, Change{Kind: Release, Number: at(10), New: at(20)}, []uint64{10, 11, 12}, nil, 0, nil},
		"released behind the rest": {passed, Change{Kind: Release, Number: at(10), New: at(20)}, []uint64{11, 12, 20}, nil, 10, nil},
		"released, not parked":     {passed, Change{Kind: Release, Number: at(11), New: at(20)}, []uint64{11, 12}, []uint64{10}, 10, ErrGone},
		"dropped, parked":          {blocked, Change{Kind: Drop, Number: at(10)}, []uint64{11, 12}, nil, 0, nil},
		"dropped, waiting":         {blocked, Change{Kind: Drop, Number: at(12)}, []uint64{11}, []uint64{10}, 0, nil},
		"dropped twice":            {blocked, Change{Kind: Drop, Number: at(13)}, []uint64{11, 12}, []uint64{10}, 0, ErrGone},
		"no kind":                  {blocked, Change{Number: at(11)}, []uint64{11, 12}, []uint64{10}, 0, ErrInvalid},
	} {
		before := slices.Clone(c.l.Queue)
		got, err := c.l.Apply(c.change)
		if !errors.Is(err, c.err) || err == nil && c.err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if !slices.Equal(numbers(got.Queue), c.queue) || !slices.Equal(numbers(got.Parked), c.parked) || got.Passed.Sequence != c.passed {
			t.Errorf("%s: %v, parked %v, passed %v", what, numbers(got.Queue), numbers(got.Parked), got.Passed)
		}
		if !slices.Equal(c.l.Queue, before) {
			t.Errorf("%s: the lane before has changed", what)
		}
	}
}

// TestApply_ReleasedIsSent: what was parked for its age is not parked again untried.
func TestApply_ReleasedIsSent(t *testing.T) {
	for what, l := range map[string]Lane{"in its place": {Parked: entries(10)}, "behind the rest": {Parked: entries(10), Passed: at(10)}} {
		got, err := l.Apply(Change{Kind: Release, Number: at(10), New: at(20), At: 1000})
		if v, e := got.Next(Target{Age: 90}, State{Right: true, Counted: 1090}); err != nil || v != Send || e.At != 1000 {
			t.Errorf("%s: verdict %d on %+v, %v", what, v, e, err)
		}
	}
}

func TestNext_WhatToDoWithALane(t *testing.T) {
	free := State{Right: true, Counted: 100}
	full := Lane{Queue: entries(10, 11)}
	blocked := Lane{Queue: entries(11, 12), Parked: entries(10)}
	passed := blocked
	passed.Passed = at(10)
	for what, c := range map[string]struct {
		l     Lane
		t     Target
		s     State
		want  Verdict
		which uint64
	}{
		"nothing there":           {Lane{}, Target{}, free, Nothing, 0},
		"the first":               {full, Target{Age: 90}, free, Send, 10},
		"too old":                 {full, Target{Age: 89}, free, Old, 10},
		"too old, while it rests": {full, Target{Age: 89}, State{Right: true, Counted: 100, Rest: 1}, Old, 10},
		"rests":                   {full, Target{}, State{Right: true, Rest: 1}, Rests, 10},
		"blocked":                 {blocked, Target{}, free, Blocked, 10},
		"to go on":                {blocked, Target{Skip: true}, free, Move, 10},
		"went on":                 {passed, Target{}, free, Send, 11},
		"without the right":       {full, Target{}, State{}, Waits, 0},
		"held":                    {full, Target{}, State{Right: true, Deferred: true}, Waits, 0},
	} {
		if got, e := c.l.Next(c.t, c.s); got != c.want || e.Number.Sequence != c.which {
			t.Errorf("%s: verdict %d on %v", what, got, e.Number)
		}
	}
}

func TestDeferred_UntilAReleaseInALaterEpoch(t *testing.T) {
	starts := []Start{{1, false}, {4, true}, {5, false}, {8, true}, {9, false}}
	for released, want := range map[uint64]bool{0: true, 5: true, 7: true, 8: false, 9: false} {
		if got := Deferred(starts, released); got != want {
			t.Errorf("released in %d: held %v", released, got)
		}
	}
	if Deferred(starts[:1], 0) {
		t.Error("held, and nothing was taken back")
	}
}

// TestOrder_AfterARelease: what waited is above all that ever left, in its own order, and below what is emitted from then on.
func TestOrder_AfterARelease(t *testing.T) {
	const released = 8 // began with update 150
	waited := []Number{numbered(5, 120, 0), numbered(5, 120, 1), numbered(7, 140, 0)}
	r := Receiver{Highest: numbered(7, 190, 3)} // of the history that was taken back
	for _, n := range append(waited, numbered(8, 151, 0), numbered(9, 160, 0)) {
		if !r.Takes(Order(n, released)) {
			t.Errorf("%v is dropped", n)
		}
		if r.Takes(Order(n, released)) {
			t.Errorf("%v is taken twice", n)
		}
	}
}

func TestJudge_WhatAnAnswerMeans(t *testing.T) {
	for code := range 600 {
		want := Again
		switch {
		case code/100 == 2:
			want = Good
		case code == 400, code == 409, code == 410, code == 413, code == 422:
			want = Final
		}
		if got := Judge(code); got != want {
			t.Errorf("%d: %d", code, got)
		}
	}
}

func TestPause_GrowsAndIsDrawn(t *testing.T) {
	for _, c := range []struct {
		failures int
		asked    time.Duration
		drawn    float64
		want     time.Duration
	}{
		{1, 0, 0, time.Second}, {1, 0, 0.5, 750 * time.Millisecond}, {2, 0, 0, 2 * time.Second}, {9, 0, 0, 256 * time.Second},
		{10, 0, 0, LongestPause}, {1 << 40, 0, 0, LongestPause}, {0, 0, 0, time.Second}, {10, 0, 0.9999999, LongestPause / 2},
		{1, time.Minute, 0, time.Minute}, {1, time.Millisecond, 0, time.Second}, {1, 1000 * time.Hour, 0, LongestAsked}, {1, -time.Hour, 0, time.Second},
	} {
		if got := Pause(c.failures, c.asked, c.drawn); (got - c.want).Abs() > time.Millisecond {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func numbered(epoch, sequence uint64, index uint32) Number {
	return Number{Epoch: epoch, Sequence: sequence, Index: index}
}
