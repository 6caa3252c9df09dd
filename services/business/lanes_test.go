package business

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestLanes_AreEnteredInOrderOfArrival(t *testing.T) {
	l := newLanes()
	first, err := l.enter(t.Context(), []string{"b", "a", "b"})
	if err != nil || !slices.Equal(first, []string{"a", "b"}) {
		t.Fatal(first, err)
	}
	if busy := l.contended([]string{"c", "b"}); !slices.Equal(busy, []string{"b"}) {
		t.Errorf("contended: %v", busy)
	}
	var order []int
	var wg sync.WaitGroup
	for i := range 3 {
		before := l.waiting("b")
		wg.Go(func() {
			held, err := l.enter(t.Context(), []string{"b"})
			if err != nil {
				t.Error(err)
			}
			order = append(order, i) // nobody else holds b
			l.leave(held)
		})
		for l.waiting("b") == before {
			time.Sleep(time.Millisecond)
		}
	}
	l.leave(first)
	wg.Wait()
	if !slices.Equal(order, []int{0, 1, 2}) {
		t.Errorf("order %v", order)
	}
	if len(l.lanes) != 0 {
		t.Errorf("left behind: %v", l.lanes)
	}
}

// waiting counts who waits for a key.
func (l *lanes) waiting(key string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lanes[key] == nil {
		return 0
	}
	return len(l.lanes[key].waiting)
}

func TestLanes_GivesUpWithItsContext(t *testing.T) {
	l := newLanes()
	held, _ := l.enter(t.Context(), []string{"b"})
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	entered, err := l.enter(ctx, []string{"a", "b", "c"})
	if !errors.Is(err, why) || !slices.Equal(entered, []string{"a"}) {
		t.Errorf("%v %v", entered, err)
	}
	l.leave(entered)
	l.leave(held)
	if len(l.lanes) != 0 {
		t.Errorf("left behind: %v", l.lanes)
	}
}

// TestLanes_ManyAtOnce: nobody is forgotten, nobody is in a lane with another, also when some give up.
func TestLanes_ManyAtOnce(t *testing.T) {
	l := newLanes()
	keys := []string{"a", "b", "c"}
	inside := map[string]*sync.Mutex{"a": {}, "b": {}, "c": {}}
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+i%7)*time.Millisecond)
			defer cancel()
			if i%7 == 0 {
				ctx = t.Context()
			}
			held, _ := l.enter(ctx, []string{keys[i%3], keys[(i+1)%3]})
			for _, key := range held {
				if !inside[key].TryLock() {
					t.Errorf("two in lane %s", key)
				}
			}
			for _, key := range held {
				inside[key].Unlock()
			}
			l.leave(held)
		})
	}
	wg.Wait()
	if len(l.lanes) != 0 {
		t.Errorf("left behind: %v", l.lanes)
	}
}

func TestJitter_StaysWithinBounds(t *testing.T) {
	for n := 1; n < 100; n++ {
		d := jitter(firstPause, longestPause, n)
		if full := min(firstPause<<min(n-1, 16), longestPause); d < full/2 || d > full {
			t.Errorf("jitter %d = %v", n, d)
		}
	}
}
