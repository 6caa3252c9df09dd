package config

import (
	"fmt"
	"slices"
	"strings"
)

// Fault is one error in an environment.
type Fault struct {
	Variable string // with prefix; "" for none
	Value    string // as set; "" when unset, "(hidden)" for secrets
	Problem  string // continues "HOTPAIR_X=value"
	Remedy   string // what to do, in the imperative
}

// Error is the fault as one line.
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.Variable)
	if f.Value != "" {
		fmt.Fprintf(&b, "=%s", f.Value)
	}
	fmt.Fprintf(&b, " %s: %s", f.Problem, f.Remedy)
	return strings.TrimSpace(b.String())
}

// Faults are all errors in an environment, by name of the variable. It is an [ErrInvalid].
type Faults []Fault

// Error lists all faults, one per line if there are several.
func (f Faults) Error() string {
	if len(f) == 1 {
		return ErrInvalid.Error() + ": " + f[0].Error()
	}
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = "\n  " + fault.Error()
	}
	return fmt.Sprintf("%v: %d faults:%s", ErrInvalid, len(f), strings.Join(lines, ""))
}

// Is makes Faults an ErrInvalid.
func (f Faults) Is(target error) bool { return target == ErrInvalid }

func (f Faults) sort() {
	slices.SortStableFunc(f, func(a, b Fault) int { return strings.Compare(a.Variable, b.Variable) })
}

// shownValue shortens a long value, such as a file that was put into a variable.
func shownValue(value string) string {
	const longest = 80
	if len(value) > longest {
		return fmt.Sprintf("%q…", value[:longest])
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == ' ' || r == '"' }) {
		return fmt.Sprintf("%q", value)
	}
	return value
}

// unknown returns the variables that no process reads; own are those of the calling process. Their values are never
// shown: one may be a secret under a misspelt name.
func unknown(values map[string]string, own map[string]field) Faults {
	var known []string // of all processes: looked up only for an unknown name, since it takes a millisecond
	var faults Faults
	for name := range values {
		if _, read := own[name]; read {
			continue
		}
		if known == nil {
			known = names()
		}
		if slices.Contains(known, name) {
			continue
		}
		remedy := "unset it, or see hotpair help env for the known names"
		if near := nearest(name, known); near != "" {
			remedy = "did you mean " + near + "?"
		}
		faults = append(faults, Fault{Variable: name, Problem: "is not a setting of hotpair", Remedy: remedy})
	}
	return faults
}

// names are all variables of all processes, sorted.
func names() []string {
	var all []string
	for _, s := range sections {
		for _, f := range fields(s.spec()) {
			all = append(all, f.name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// nearest returns the known name closest to a misspelt one, or "" if none is close.
func nearest(name string, known []string) string {
	if upper := strings.ToUpper(name); slices.Contains(known, upper) {
		return upper
	}
	best, least := "", 1+max(2, (len(name)-len(Prefix))/3)
	for _, candidate := range known {
		if d := distance(name, candidate); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with a neighbour to turn a into b.
func distance(a, b string) int {
	before, last, row := []int(nil), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, make([]int, len(b)+1)
	}
	return last[len(b)]
}

// Known removes from an environment the variables that this program does not know: a parent of a later version may
// pass on new ones, which are not a fault.
func Known(environ []string) []string {
	known := names()
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return strings.HasPrefix(name, Prefix+"_") && !slices.Contains(known, name)
	})
}
