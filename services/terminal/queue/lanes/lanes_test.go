package lanes

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
)

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestJudge(t *testing.T) {
	for code, want := range map[int]Meaning{
		bus.CodeOK: Final, bus.CodeMalformed: Final, bus.CodeConflict: Final, bus.CodeTooLarge: Final, 422: Final, bus.CodeForbidden: Final,
		7: Final, -1: Final, 1001: Final, 599: Final,
		bus.CodeAbsent: Again, bus.CodeOverloaded: Again, bus.CodeNobody: Again, bus.CodeUnknown: Again,
		bus.CodeTooOld: Unknown, bus.CodeFault: Unknown,
	} {
		if got := Judge(code, false); got != want {
			t.Errorf("%d means %d, want %d", code, got, want)
		}
		if got := Judge(code, true); got != Final {
			t.Errorf("%d that is written down means %d", code, got)
		}
	}
}

// next takes all that may be sent now.
func next(l *Lanes, now time.Time) (list []uint64) {
	for {
		n, ok := l.Next(now)
		if !ok {
			return list
		}
		list = append(list, n)
	}
}

func wantNext(t *testing.T, l *Lanes, now time.Time, want ...uint64) {
	t.Helper()
	if got := next(l, now); !slices.Equal(got, want) {
		t.Errorf("%v may be sent, want %v", got, want)
	}
}

func add(t *testing.T, l *Lanes, number uint64, lane string) {
	t.Helper()
	if !l.Add(number, lane) {
		t.Fatalf("number %d is not taken", number)
	}
}

func TestLanes_OneOfEachIsInFlight(t *testing.T) {
	l := New(0)
	for n, lane := range []string{"a", "a", "b", "a", "b"} {
		add(t, l, uint64(n+1), lane)
	}
	wantNext(t, l, begin, 1, 3)
	if m, ok := l.Answered(1, 0, false, begin); m != Final || !ok {
		t.Errorf("%d, %t", m, ok)
	}
	wantNext(t, l, begin) // its outcome is not durable yet
	if l.Oldest() != 1 {
		t.Errorf("oldest %d", l.Oldest())
	}
	l.Over(1)
	wantNext(t, l, begin, 2)
	if l.Oldest() != 2 || l.Len() != 4 {
		t.Errorf("oldest %d of %d", l.Oldest(), l.Len())
	}
	l.Over(3)
	l.Over(2)
	wantNext(t, l, begin, 4, 5)
	l.Over(4)
	l.Over(5)
	if l.Oldest() != 6 || l.Len() != 0 || len(l.lanes) != 0 {
		t.Errorf("oldest %d of %d in %d lanes", l.Oldest(), l.Len(), len(l.lanes))
	}
	if l.Add(5, "a") || !l.Add(9, "a") || l.Oldest() != 9 {
		t.Errorf("numbers do not rise; oldest %d", l.Oldest())
	}
}

func TestLanes_WhatIsSentAgainRestsAndKeepsItsPlace(t *testing.T) {
	l := New(0)
	add(t, l, 1, "a")
	add(t, l, 2, "a")
	now := begin
	for i, rest := range []time.Duration{FirstRest, 2 * FirstRest, 4 * FirstRest} {
		wantNext(t, l, now, 1)
		if m, ok := l.Answered(1, bus.CodeOverloaded, false, now); m != Again || !ok {
			t.Errorf("%d, %t", m, ok)
		}
		if want := now.Add(rest); !l.Wake().Equal(want) {
			t.Errorf("try %d rests until %v, want %v", i, l.Wake(), want)
		}
		wantNext(t, l, now.Add(rest-1))
		now = now.Add(rest)
	}
	wantNext(t, l, now, 1)
	if m, ok := l.Answered(2, 0, false, now); m != Again || ok {
		t.Errorf("what is not on its way was answered: %d, %t", m, ok)
	}
	for range 20 {
		l.Answered(1, bus.CodeNobody, false, now)
		if rest := l.Wake().Sub(now); rest > LongestRest {
			t.Errorf("rests for %v", rest)
		}
		now = l.Wake()
		wantNext(t, l, now, 1)
	}
	l.Answered(1, bus.CodeOverloaded, false, now)
	l.Recall() // another host: nobody has said there that it is busy
	wantNext(t, l, now, 1)
	l.Recall()
	wantNext(t, l, now, 1)
	l.Answered(1, bus.CodeConflict, false, now)
	l.Recall() // it has an outcome, which is being written
	wantNext(t, l, now)
	l.Unwritten(1, now)
	wantNext(t, l, now.Add(FirstRest), 1)
}

func TestLanes_GuestsWaitAndAreWaitedFor(t *testing.T) {
	l := New(0)
	alone, first := l.Guest("a")
	if !first || len(l.Called()) != 0 {
		t.Error("who is alone waits")
	}
	add(t, l, 1, "a")
	behind, first := l.Guest("a")
	if first {
		t.Error("a guest does not wait for what is queued")
	}
	gives, _ := l.Guest("a")
	add(t, l, 2, "a")
	wantNext(t, l, begin)
	l.Leave(alone)
	l.Leave(alone) // nothing happens
	wantNext(t, l, begin, 1)
	l.Leave(gives)
	l.Over(1)
	if c := l.Called(); len(c) != 1 || c[0] != behind {
		t.Errorf("called %v", c)
	}
	wantNext(t, l, begin)
	l.Leave(behind)
	wantNext(t, l, begin, 2)
	last, _ := l.Guest("a")
	l.Over(2)
	l.Leave(last) // before it was told that it is its turn
	if c := l.Called(); len(c) != 0 || len(l.lanes) != 0 {
		t.Errorf("called %v, %d lanes", c, len(l.lanes))
	}
}

// At the pair's window nothing is taken until the oldest has its outcome.
func TestLanes_Window(t *testing.T) {
	l := New(0)
	add(t, l, 1, "stuck")
	if !l.Room(Window) || l.Room(Window+1) || l.Add(Window+1, "a") {
		t.Error("the window is another one")
	}
	add(t, l, Window, "a")
	l.Over(1)
	add(t, l, Window+1, "a")
	if l.Oldest() != Window {
		t.Errorf("oldest %d", l.Oldest())
	}
	far := New(1 << 40)
	if !far.Room(1<<40+1) || !far.Add(1<<40+1, "") {
		t.Error("a directory that has given numbers takes none")
	}
}

// Whatever happens, all that is queued comes to its end when faults end, in the order of its lane.
func TestLanes_EndsWhenFaultsDo(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 7))
		l, now, last := New(0), begin, uint64(0)
		var out []uint64
		var guests []*Place
		order := map[string][]uint64{}
		lanes := map[uint64]string{}
		over := func(n uint64) {
			l.Over(n)
			order[lanes[n]] = append(order[lanes[n]], n)
		}
		step := func(kind int) {
			switch {
			case kind < 3 && last < 40:
				last++
				lanes[last] = fmt.Sprint(random.IntN(3))
				add(t, l, last, lanes[last])
			case kind == 3:
				g, _ := l.Guest(fmt.Sprint(random.IntN(3)))
				guests = append(guests, g)
			case kind == 4 && len(guests) > 0:
				i := random.IntN(len(guests))
				l.Leave(guests[i])
				guests = slices.Delete(guests, i, i+1)
			case kind == 5:
				l.Recall()
				out = nil
			case kind == 6:
				now = now.Add(time.Duration(random.IntN(int(time.Second))))
			case len(out) > 0:
				i := random.IntN(len(out))
				n := out[i]
				out = slices.Delete(out, i, i+1)
				code := []int{0, 0, 409, 404, 429, 500, 503, 504}[random.IntN(8)]
				if m, ok := l.Answered(n, code, false, now); !ok {
					t.Fatalf("seed %d: %d was on its way", seed, n)
				} else if m != Again {
					over(n)
				}
			}
			out = append(out, next(l, now)...)
		}
		for range 400 {
			step(random.IntN(12))
		}
		for _, g := range guests {
			l.Leave(g)
		}
		l.Recall()
		for out = nil; l.Len() > 0; {
			list := next(l, now)
			if len(list) == 0 {
				t.Fatalf("seed %d: %d wait and none may be sent", seed, l.Len())
			}
			for _, n := range list {
				l.Answered(n, 0, false, now)
				over(n)
			}
		}
		for lane, list := range order {
			if !slices.IsSorted(list) {
				t.Errorf("seed %d: lane %s ended in the order %v", seed, lane, list)
			}
		}
		if l.Oldest() != last+1 || len(l.lanes) != 0 || len(l.heads) != 0 {
			t.Errorf("seed %d: oldest %d, %d lanes, %d heads", seed, l.Oldest(), len(l.lanes), len(l.heads))
		}
	}
}
