package backups

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Rule says how many backups are kept: the last ones, and the newest of each of the last days, weeks and months that
// have one.
type Rule struct{ Last, Daily, Weekly, Monthly int }

// Old returns the backups of a place that no rule keeps, the oldest first. The newest is always kept, and so are the
// named ones.
func Old(rule Rule, there []Name, spared ...string) (old []Name) {
	there = slices.Clone(there)
	slices.SortFunc(there, func(a, b Name) int { return cmp.Or(b.Made.Compare(a.Made), cmp.Compare(b.String(), a.String())) })
	rule.Last = max(rule.Last, 1)
	kept := map[string]bool{}
	for _, name := range spared {
		kept[name] = true
	}
	for _, n := range there[:min(rule.Last, len(there))] {
		kept[n.String()] = true
	}
	for _, by := range []struct {
		most   int
		period func(time.Time) string
	}{
		{rule.Daily, func(t time.Time) string { return t.Format(time.DateOnly) }},
		{rule.Weekly, func(t time.Time) string { year, week := t.ISOWeek(); return fmt.Sprint(year, " ", week) }},
		{rule.Monthly, func(t time.Time) string { return t.Format("2006-01") }},
	} {
		seen := map[string]bool{}
		for _, n := range there {
			period := by.period(n.Made.UTC())
			if seen[period] || len(seen) == by.most {
				continue
			}
			seen[period], kept[n.String()] = true, true
		}
	}
	for _, n := range slices.Backward(there) {
		if !kept[n.String()] {
			old = append(old, n)
		}
	}
	return old
}
