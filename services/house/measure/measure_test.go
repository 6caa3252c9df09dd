package measure

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestModule_Counts measures a small module of which all figures are known.
func TestModule_Counts(t *testing.T) {
	h, err := Module("testdata/small")
	if err != nil {
		t.Fatal(err)
	}
	want := &House{
		Packages: []Package{
			{
				Path: "bus", Lines: 40, Files: 2,
				LongestFile:      Largest{"messages.go", 34},
				MostFields:       Largest{"Done", 2},
				LargestInterface: Largest{"Reader", 2}, // Name and Close: Read is the library's
				Upward:           []Arrow{},
				Floors:           []string{"messages.go", "agent.go"},
				Types: []Type{
					{"Answer", 0, 1, 0}, {"Closer", 0, 0, 1}, {"Done", 0, 2, 0}, {"Note", 0, 1, 0}, {"Reader", 0, 0, 2},
					{"local", 0, 1, 0}, {"refusal", 0, 2, 0},
				},
			},
			{
				Path: "sort", Lines: 17, Files: 3,
				LongestFile: Largest{"top.go", 9},
				MostMethods: Largest{"thing", 1},
				MostFields:  Largest{"thing", 1},
				Arrows:      5, // top → middle → bottom → top and middle, middle → top
				Upward:      []Arrow{},
				Types:       []Type{{"thing", 1, 1, 0}},
			},
		},
		Arrows:      1,
		ErrorFields: []string{"bus/messages.go:13 refusal.Code", "bus/messages.go:14 refusal.Text", "bus/messages.go:8 Done.Error"},
		Examples:    []string{"sort.ExampleTop"},
	}
	sorted := h.Package("sort")
	if len(sorted.Upward) != 2 {
		t.Errorf("upward: %v, two would do", sorted.Upward)
	}
	sorted.Upward, sorted.Floors = []Arrow{}, nil
	if diff := cmp.Diff(want, h); diff != "" {
		t.Error(diff)
	}
}

// arrows makes a graph of pairs from, to.
func arrows(nodes int, pairs ...[2]int) graph {
	g := newGraph(nodes)
	for _, p := range pairs {
		g[p[0]][p[1]] = true
	}
	return g
}

func TestFloors_NoCircleNothingUpward(t *testing.T) {
	g := arrows(5, [2]int{3, 1}, [2]int{1, 4}, [2]int{3, 0}, [2]int{0, 2}, [2]int{2, 4})
	if up := g.upward(g.floors()); len(up) != 0 || g.circles() != 0 {
		t.Errorf("upward %v, circles %d", up, g.circles())
	}
}

func TestFloors_OneArrowOfEachCircle(t *testing.T) {
	// Two circles of three, joined by an arrow, and a node that both use.
	g := arrows(7,
		[2]int{0, 1}, [2]int{1, 2}, [2]int{2, 0},
		[2]int{3, 4}, [2]int{4, 5}, [2]int{5, 3},
		[2]int{2, 3}, [2]int{0, 6}, [2]int{5, 6})
	if up := g.upward(g.floors()); len(up) != 2 || g.circles() != 2 {
		t.Errorf("upward %v, circles %d", up, g.circles())
	}
}

// TestFloors_NearTheLeast compares with all orders of small graphs.
func TestFloors_NearTheLeast(t *testing.T) {
	found, possible := 0, 0
	for seed := range 200 {
		g, x := newGraph(6), uint32(seed+1)
		for v := range g {
			for w := range g {
				x = x*1664525 + 1013904223
				if v != w && x>>30 == 0 {
					g[v][w] = true
				}
			}
		}
		least := g.arrows()
		permutations([]int{0, 1, 2, 3, 4, 5}, 0, func(order []int) { least = min(least, len(g.upward(order))) })
		order := g.floors()
		if sorted := slices.Sorted(slices.Values(order)); !slices.Equal(sorted, []int{0, 1, 2, 3, 4, 5}) {
			t.Fatalf("seed %d: not an order: %v", seed, order)
		}
		found, possible = found+len(g.upward(order)), possible+least
	}
	if found*100 > possible*105 {
		t.Errorf("%d upward, %d would do", found, possible)
	}
}

func permutations(order []int, at int, visit func([]int)) {
	if at == len(order) {
		visit(order)
		return
	}
	for i := at; i < len(order); i++ {
		order[at], order[i] = order[i], order[at]
		permutations(order, at+1, visit)
		order[at], order[i] = order[i], order[at]
	}
}
