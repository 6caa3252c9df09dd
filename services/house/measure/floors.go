package measure

import (
	"cmp"
	"slices"
)

// graph is a set of arrows between nodes that are numbered from 0 on: graph[from][to].
type graph []map[int]bool

func newGraph(nodes int) graph {
	g := make(graph, nodes)
	for i := range g {
		g[i] = map[int]bool{}
	}
	return g
}

func (g graph) arrows() int {
	n := 0
	for _, to := range g {
		n += len(to)
	}
	return n
}

// components gives the strongly connected components, each after those that it points to (Tarjan).
func (g graph) components() [][]int {
	var (
		found   [][]int
		stack   []int
		index   = make([]int, len(g)) // 0: not seen yet
		low     = make([]int, len(g))
		onStack = make([]bool, len(g))
		next    = 1
		visit   func(int)
	)
	visit = func(v int) {
		index[v], low[v] = next, next
		next++
		stack, onStack[v] = append(stack, v), true
		for _, w := range g.sorted(v) {
			if index[w] == 0 {
				visit(w)
				low[v] = min(low[v], low[w])
			} else if onStack[w] {
				low[v] = min(low[v], index[w])
			}
		}
		if low[v] != index[v] {
			return
		}
		at := slices.Index(stack, v)
		component := slices.Clone(stack[at:])
		for _, w := range component {
			onStack[w] = false
		}
		stack = stack[:at]
		slices.Sort(component)
		found = append(found, component)
	}
	for v := range g {
		if index[v] == 0 {
			visit(v)
		}
	}
	return found
}

func (g graph) sorted(v int) []int {
	to := make([]int, 0, len(g[v]))
	for w := range g[v] {
		to = append(to, w)
	}
	slices.Sort(to)
	return to
}

// circles counts the components in which a walk comes back to where it began.
func (g graph) circles() int {
	n := 0
	for _, c := range g.components() {
		if len(c) > 1 || g[c[0]][c[0]] {
			n++
		}
	}
	return n
}

// floors lays the nodes one above the other, the highest first, so that few arrows run upward. The least number is hard to
// find; this is the order of Eades, Lin and Smyth in each component, improved by moving single nodes while that helps.
func (g graph) floors() []int {
	var order []int
	for _, c := range slices.Backward(g.components()) {
		order = append(order, g.improve(g.greedy(c))...)
	}
	return order
}

// greedy is the order of Eades, Lin and Smyth ("A fast and effective heuristic for the feedback arc set problem"): what
// nobody points to goes to the top, what points to nobody to the bottom, else the node that has most arrows out over in.
func (g graph) greedy(nodes []int) []int {
	left := slices.Clone(nodes)
	var top, bottom []int
	for len(left) > 0 {
		type degree struct{ node, out, in int }
		degrees := make([]degree, len(left))
		for i, v := range left {
			degrees[i].node = v
			for _, w := range left {
				degrees[i].out += one(g[v][w])
				degrees[i].in += one(g[w][v])
			}
		}
		v, sink := 0, false
		if i := slices.IndexFunc(degrees, func(d degree) bool { return d.out == 0 }); i >= 0 {
			v, sink = degrees[i].node, true
		} else {
			v = slices.MaxFunc(degrees, func(a, b degree) int { return cmp.Compare(a.out-a.in, b.out-b.in) }).node
		}
		if sink {
			bottom = append(bottom, v)
		} else {
			top = append(top, v)
		}
		left = slices.DeleteFunc(left, func(w int) bool { return w == v })
	}
	slices.Reverse(bottom)
	return append(top, bottom...)
}

// improve moves single nodes to where they have the fewest arrows upward, until no move helps.
func (g graph) improve(order []int) []int {
	for moved := true; moved; {
		moved = false
		for _, v := range slices.Clone(order) {
			from := slices.Index(order, v)
			rest := slices.Delete(slices.Clone(order), from, from+1)
			// cost is that of v above all others: what points to it runs upward.
			cost := 0
			for _, w := range rest {
				cost += one(g[w][v])
			}
			best, at, here := cost, 0, cost
			for i, w := range rest { // v goes below w
				cost += one(g[v][w]) - one(g[w][v])
				if cost < best {
					best, at = cost, i+1
				}
				if i+1 == from {
					here = cost
				}
			}
			if best < here {
				order = slices.Insert(rest, at, v)
				moved = true
			}
		}
	}
	return order
}

// upward gives the arrows that run against the order, those from the lowest node last.
func (g graph) upward(order []int) [][2]int {
	var up [][2]int
	for i, v := range order {
		for _, w := range order[:i] {
			if g[v][w] {
				up = append(up, [2]int{v, w})
			}
		}
	}
	return up
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
