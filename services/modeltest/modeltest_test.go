package modeltest

import (
	"fmt"
	"slices"
	"testing"
)

// ring is a model: a number that goes up by one or by three, below a bound.
func ring(bound int, visit func(int, Visit[int])) func(int, Visit[int]) {
	return func(now int, seen Visit[int]) {
		for _, by := range []int{1, 3} {
			if now+by < bound {
				seen(fmt.Sprint("plus ", by), now+by, "")
			}
		}
		if visit != nil {
			visit(now, seen)
		}
	}
}

func TestExplore_VisitsAllAndFindsAShortestPath(t *testing.T) {
	fine := func(int) string { return "" }
	if states, path := Explore(0, Same, ring(20, nil), fine); states != 20 || path != nil {
		t.Errorf("%d states, %q", states, path)
	}
	if states, path := Explore(0, func(n int) int { return n % 4 }, ring(20, nil), fine); states != 4 || path != nil {
		t.Errorf("%d states of four, %q", states, path)
	}
	_, path := Explore(0, Same, ring(20, nil), func(n int) string {
		if n == 7 {
			return "it is seven"
		}
		return ""
	})
	if len(path) != 4 || path[3] != "it is seven" || !slices.Contains(path, "plus 1") {
		t.Errorf("to seven by %q", path)
	}
	// What is wrong with an event is found though it leads to a state that is known.
	_, path = Explore(0, Same, ring(20, func(now int, seen Visit[int]) {
		if now == 6 {
			seen("back", 0, "it goes back")
		}
	}), fine)
	if !slices.Equal(path, []string{"plus 3", "plus 3", "back", "it goes back"}) {
		t.Errorf("back by %q", path)
	}
}
