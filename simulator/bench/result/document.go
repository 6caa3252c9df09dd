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
		measured = fmt.Sprintf("%s (n=%d)", withUnit(v, g.Unit), len(s.Samples))
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

// Document shows one result as Markdown: what it was measured with, and tables of all series. No number in it is typed by hand.
func (r *Result) Document() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s", strings.ToUpper(r.What[:1])+r.What[1:], r.Circumstances())
	for _, t := range tables(r.Series) {
		t.write(&b)
	}
	return b.String()
}

// Circumstances lists in a table when and on which machine the result was measured, version and settings, and each note once.
func (r *Result) Circumstances() string {
	var b strings.Builder
	say := func(what, text string) { fmt.Fprintf(&b, "| %s | %s |\n", what, strings.ReplaceAll(text, "|", `\|`)) }
	b.WriteString("| | |\n|---|---|\n")
	say("measured", r.Time.Format("2006-01-02 15:04")+" on "+r.Machine.String())
	say("version", r.Version)
	say("settings", r.settings())
	for i, note := range r.Notes {
		if !slices.Contains(r.Notes[:i], note) {
			say("note", note)
		}
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

// table is rows that share most of their metrics.
type table struct {
	corner  string   // heading of the first column
	metrics []string // with units
	rows    []string
	cells   map[string]map[string]string // by row and metric
}

// tables groups series by row, then rows by their metrics, in the order in which they came.
func tables(list []Series) (all []*table) {
	metrics, cells := map[string][]string{}, map[string]map[string]string{}
	var rows []string
	for _, s := range list {
		if _, seen := cells[s.Row]; !seen {
			rows = append(rows, s.Row)
			cells[s.Row] = map[string]string{}
		}
		head := s.Metric
		if s.Unit != "" && s.Unit != s.Metric {
			head += ", " + s.Unit
		}
		metrics[s.Row] = append(metrics[s.Row], head)
		cells[s.Row][head] = Summarize(s.Samples).Text("")
	}
	for _, row := range rows {
		i := slices.IndexFunc(all, func(t *table) bool { return t.fits(metrics[row]) })
		if i < 0 {
			all = append(all, &table{cells: map[string]map[string]string{}})
			i = len(all) - 1
		}
		all[i].add(row, metrics[row], cells[row])
	}
	for _, t := range all {
		t.turn()
	}
	return all
}

// fits reports whether a row belongs into the table: one's metrics include the other's and are at most twice as many.
func (t *table) fits(metrics []string) bool {
	fewer, more := t.metrics, metrics
	if len(fewer) > len(more) {
		fewer, more = more, fewer
	}
	return len(more) <= 2*len(fewer) && !slices.ContainsFunc(fewer, func(m string) bool { return !slices.Contains(more, m) })
}

func (t *table) add(row string, metrics []string, cells map[string]string) {
	if len(metrics) > len(t.metrics) {
		t.metrics = metrics
	}
	t.rows = append(t.rows, row)
	t.cells[row] = cells
}

// turn gives a table of one metric, whose rows are all "whole: part", a row for each part and a column for each whole.
func (t *table) turn() {
	if len(t.metrics) != 1 || slices.ContainsFunc(t.rows, func(row string) bool { return !strings.Contains(row, ": ") }) {
		return
	}
	turned := table{corner: t.metrics[0], cells: map[string]map[string]string{}}
	for _, row := range t.rows {
		whole, part, _ := strings.Cut(row, ": ")
		if !slices.Contains(turned.metrics, whole) {
			turned.metrics = append(turned.metrics, whole)
		}
		if turned.cells[part] == nil {
			turned.cells[part] = map[string]string{}
			turned.rows = append(turned.rows, part)
		}
		turned.cells[part][whole] = t.cells[row][turned.corner]
	}
	slices.Sort(turned.rows)
	*t = turned
}

func (t *table) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n| %s| %s |\n|---|%s\n", spaced(t.corner), strings.Join(t.metrics, " | "), strings.Repeat("---:|", len(t.metrics)))
	for _, row := range t.rows {
		fmt.Fprintf(b, "| %s |", row)
		for _, metric := range t.metrics {
			fmt.Fprintf(b, " %s |", t.cells[row][metric])
		}
		b.WriteString("\n")
	}
}

// spaced is a heading with a space behind it, and nothing for none.
func spaced(heading string) string {
	if heading == "" {
		return ""
	}
	return heading + " "
}
