package ranges

import "slices"

// index is an ordered set of names that only grows. It is made of sorted runs, each more than twice as long as the one
// behind it, so that adding costs little and looking needs few searches.
type index struct{ runs [][]string }

// add takes names in any order, and the slice.
func (x *index) add(names []string) {
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	x.runs = append(x.runs, slices.Compact(names))
	for n := len(x.runs); n > 1 && len(x.runs[n-2]) <= 2*len(x.runs[n-1]); n = len(x.runs) {
		x.runs = append(x.runs[:n-2], merged(x.runs[n-2], x.runs[n-1]))
	}
}

// merged gives two sorted runs as one.
func merged(a, b []string) []string {
	all := make([]string, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0] > b[0] {
			a, b = b, a
		}
		all, a = append(all, a[0]), a[1:]
	}
	return slices.Compact(append(append(all, a...), b...))
}

// from gives the names of each run from a name on.
func (x *index) from(name string, yield func([]string) bool) {
	for _, run := range x.runs {
		if i, _ := slices.BinarySearch(run, name); i < len(run) && !yield(run[i:]) {
			return
		}
	}
}
