package load

import (
	"slices"
	"testing"
	"time"
)

func TestLook_FindsTheLongestTimeWithoutAnAnswer(t *testing.T) {
	zero := time.Unix(1000, 0)
	at := func(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }
	one, two := &Log{}, &Log{}
	for _, ms := range []int{-5, 5, 10, 90, 95} { // a gap of 80
		epoch := uint64(3)
		if ms >= 90 {
			epoch = 4
		}
		one.Note(at(ms-2), at(ms), epoch, true)
	}
	for _, ms := range []int{1, 20, 40} { // nothing for the last 60
		two.Note(at(ms-1), at(ms), 3, true)
	}
	two.Note(at(41), at(60), 0, false)
	c := &Clients{Logs: Logs{one, two}}

	s := c.Look(at(0), at(100))
	if s.Longest != 80*time.Millisecond || s.Failed != 1 || len(s.Sorted) != 7 {
		t.Errorf("%+v", s)
	}
	if len(s.Epochs) != 1 || !s.Epochs[0].Equal(at(90)) {
		t.Errorf("epochs: %v", s.Epochs)
	}
	if s.Rate() != 70 || s.At(0.5) != 2*time.Millisecond || s.At(0) != time.Millisecond {
		t.Errorf("rate %v, p50 %v, p0 %v", s.Rate(), s.At(0.5), s.At(0))
	}
	if s := c.Look(at(0), at(200)); s.Longest != 160*time.Millisecond {
		t.Errorf("a client that gets no answer any more: %v", s.Longest)
	}
	if s := c.Look(at(500), at(600)); len(s.Sorted) != 0 || s.Longest <= 100*time.Millisecond || s.At(0.99) != 0 {
		t.Errorf("a stretch in which nothing came: %+v", s)
	}
	c.Forget(at(50))
	if s := c.Look(at(0), at(100)); len(s.Sorted) != 2 || s.Failed != 1 {
		t.Errorf("after forgetting: %+v", s)
	}
}

func TestEpochOf_ReadsPositionsOnly(t *testing.T) {
	for text, want := range map[string]uint64{"7/123": 7, "": 0, "x/1": 0, "12": 12} {
		if got := epochOf(text); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func TestOperations_KeepWithinTheirKeys(t *testing.T) {
	for _, o := range []Operation{Put(3), Get(3), Transfer(3)} {
		seen := map[string]bool{}
		for n := range 100 {
			seen[string(o.Body(1, n))] = true
		}
		if len(seen) < 3 || len(seen) > 6 {
			t.Errorf("%s: %d different requests", o.Name, len(seen))
		}
	}
}

func TestPreparation_IsSharedOut(t *testing.T) {
	for _, c := range []struct {
		o             Operation
		clients, want int
	}{{Put(10), 3, 0}, {Get(10), 1, 10}, {Get(10), 3, 10}, {Get(10), 64, 10}, {Transfer(7), 2, 7}} {
		seen := map[string]int{}
		for client := range c.clients {
			for _, r := range c.o.Preparation(client, c.clients) {
				seen[r.Service+"."+r.Operation+" "+string(r.Body)]++
			}
		}
		if len(seen) != c.want {
			t.Errorf("%s with %d clients: %d requests, want %d", c.o.Name, c.clients, len(seen), c.want)
		}
		for request, n := range seen {
			if n != 1 {
				t.Errorf("%s with %d clients: %s %d times", c.o.Name, c.clients, request, n)
			}
		}
	}
}

func TestStretch_AddCountsAsOne(t *testing.T) {
	s := Stretch{Took: time.Second, Sorted: []time.Duration{1, 5}, Failed: 1}
	s.Add(Stretch{Took: time.Second, Sorted: []time.Duration{2, 9}, Failed: 2})
	if s.Took != 2*time.Second || s.Failed != 3 || s.Rate() != 2 || !slices.Equal(s.Sorted, []time.Duration{1, 2, 5, 9}) {
		t.Errorf("%+v", s)
	}
}
