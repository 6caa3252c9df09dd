package result

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Goal is what a series has to reach.
type Goal struct {
	What   string // kind of the result
	Row    string
	Metric string
	Unit   string
	Of     Statistic
	Limit  float64
	Better Better // More: at least Limit; Less: at most
	Text   string // what it is, for people
}

// Statistic is what of a series a goal is about.
type Statistic string

// Statistics.
const (
	Median Statistic = "median"
	Worst  Statistic = "worst" // the worst sample, in the goal's direction
)

// Goals shows goals beside what was measured, as a table in Markdown.
func Goals(results []*Result, goals []Goal) string {
	var b strings.Builder
	b.WriteString("\n| what | goal | measured | reached |\n|---|---|---|---|\n")
	for _, g := range goals {
		b.WriteString(g.row(results))
	}
	return b.String()
}

// Bound is where the goal lies, as "≥ 2,000 1/s".
func (g Goal) Bound() string {
	sign := "≤"
	if g.Better == More {
		sign = "≥"
	}
	return sign + " " + withUnit(g.Limit, g.Unit)
}

// row is a goal beside what was measured.
func (g Goal) row(results []*Result) string {
	measured, reached := "not measured", ""
	for _, r := range results {
		s := r.Find(g.Row, g.Metric)
		if r.What != g.What || s == nil {
			continue
		}
		v := g.value(Summarize(s.Samples))
		measured = fmt.Sprintf("%s (%d samples)", withUnit(v, g.Unit), len(s.Samples))
		reached = "no"
		if g.Better == More && v >= g.Limit || g.Better == Less && v <= g.Limit {
			reached = "yes"
		}
	}
	return fmt.Sprintf("| %s | %s, %s %s | %s | %s |\n", g.Text, g.Metric, g.Of, g.Bound(), measured, reached)
}

func withUnit(v float64, unit string) string { return strings.TrimSpace(Number(v) + " " + unit) }

func (g Goal) value(s Summary) float64 {
	switch {
	case g.Of == Median:
		return s.Median
	case g.Better == More:
		return s.Low
	}
	return s.High
}

// Document shows one result as Markdown: what it was measured with, and a table for each set of rows with the same metrics. No
// number in it is typed by hand.
func (r *Result) Document() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s", strings.ToUpper(r.What[:1])+r.What[1:], r.Circumstances())
	for _, t := range tables(r.Series) {
		t.write(&b)
	}
	return b.String()
}

// Circumstances say in a table when, of what, where and how the result was measured, and what was noted.
func (r *Result) Circumstances() string {
	var b strings.Builder
	say := func(what, text string) { fmt.Fprintf(&b, "| %s | %s |\n", what, strings.ReplaceAll(text, "|", `\|`)) }
	b.WriteString("| | |\n|---|---|\n")
	say("measured", r.Time.Format("2006-01-02 15:04"))
	say("of", r.Version)
	say("on", r.Machine.String())
	say("with", r.settings())
	for _, note := range r.Notes {
		say("note", note)
	}
	return b.String()
}

// settings lists what was set, as on a command line.
func (r *Result) settings() string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(r.Settings)) {
		list = append(list, fmt.Sprintf("`-%s=%s`", name, r.Settings[name]))
	}
	return strings.Join(list, " ")
}

// table is rows that have the same metrics.
type table struct {
	metrics []string // with units
	rows    []string
	cells   map[string][]string
}

// tables groups series by row, then rows with the same metrics, in the order in which they came.
func tables(list []Series) (all []*table) {
	metrics, cells := map[string][]string{}, map[string][]string{}
	var rows []string
	for _, s := range list {
		if _, seen := cells[s.Row]; !seen {
			rows = append(rows, s.Row)
		}
		head := s.Metric
		if s.Unit != "" {
			head += ", " + s.Unit
		}
		metrics[s.Row] = append(metrics[s.Row], head)
		cells[s.Row] = append(cells[s.Row], Summarize(s.Samples).Text(""))
	}
	for _, row := range rows {
		i := slices.IndexFunc(all, func(t *table) bool { return slices.Equal(t.metrics, metrics[row]) })
		if i < 0 {
			all = append(all, &table{metrics: metrics[row], cells: map[string][]string{}})
			i = len(all) - 1
		}
		all[i].rows = append(all[i].rows, row)
		all[i].cells[row] = cells[row]
	}
	return all
}

func (t *table) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n| | %s |\n|---|%s\n", strings.Join(t.metrics, " | "), strings.Repeat("---:|", len(t.metrics)))
	for _, row := range t.rows {
		fmt.Fprintf(b, "| %s | %s |\n", row, strings.Join(t.cells[row], " | "))
	}
}
