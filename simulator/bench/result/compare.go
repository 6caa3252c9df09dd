package result

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Verdict is what a comparison says of one series.
type Verdict string

// Verdicts.
const (
	Slower  Verdict = "WORSE"  // beyond the threshold and not by chance
	Faster  Verdict = "better" // the same, the other way
	Same    Verdict = "~"      // within the threshold, or perhaps chance
	Unknown Verdict = "?"      // too few samples to say
	Gone    Verdict = "gone"   // measured before, not now
	New     Verdict = "new"
)

const (
	// significance is the greatest probability of chance at which a difference counts.
	significance = 0.05
	// fewest samples on each side with which the test can find anything: with 3 and 3 the smallest probability is 0.1.
	fewest = 4
)

// Change is one series, before and now.
type Change struct {
	Row, Metric, Unit string
	Before, Now       Summary
	Ratio             float64 // now to before, of the medians
	Chance            float64 // probability that the difference is chance; 1 when not tested
	Verdict           Verdict
}

// Compare judges each series that has a direction, and tells the others. Threshold is the share of the median by which a
// series must be worse to count, as 0.1. With fewer than four samples on a side two series differ when their ranges do not
// overlap; one sample alone says nothing.
func Compare(before, now *Result, threshold float64) []Change {
	var changes []Change
	for _, n := range now.Series {
		c := Change{Row: n.Row, Metric: n.Metric, Unit: n.Unit, Now: Summarize(n.Samples), Chance: 1, Verdict: New}
		if b := before.Find(n.Row, n.Metric); b != nil {
			c.Before = Summarize(b.Samples)
			c.judge(n.Better, b.Samples, n.Samples, threshold)
		}
		changes = append(changes, c)
	}
	for _, b := range before.Series {
		if now.Find(b.Row, b.Metric) == nil {
			changes = append(changes, Change{Row: b.Row, Metric: b.Metric, Unit: b.Unit, Before: Summarize(b.Samples), Chance: 1, Verdict: Gone})
		}
	}
	return changes
}

func (c *Change) judge(better Better, before, now []float64, threshold float64) {
	c.Verdict = Same
	switch {
	case c.Before.Median == c.Now.Median:
		c.Ratio = 1
		return
	case c.Before.Median == 0:
		c.Verdict = Unknown // no share can be told of nothing
		return
	}
	c.Ratio = c.Now.Median / c.Before.Median
	if better == None {
		return
	}
	few := min(len(before), len(now))
	apart := c.Before.High < c.Now.Low || c.Now.High < c.Before.Low
	switch {
	case few < 2:
		c.Verdict = Unknown
		return
	case few < fewest:
		if !apart {
			return
		}
	default:
		if c.Chance = MannWhitney(before, now); c.Chance >= significance {
			return
		}
	}
	gain := c.Ratio - 1
	if better == Less {
		gain = 1 - c.Ratio
	}
	switch {
	case gain < -threshold:
		c.Verdict = Slower
	case gain > threshold:
		c.Verdict = Faster
	}
}

// Worse counts the changes that are slow-downs.
func Worse(changes []Change) int {
	n := 0
	for _, c := range changes {
		if c.Verdict == Slower {
			n++
		}
	}
	return n
}

// WriteChanges prints a comparison as a table.
func WriteChanges(w io.Writer, changes []Change) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "row\tmetric\tbefore\tnow\tchange\tchance\tverdict")
	for _, c := range changes {
		change, chance := "", ""
		if c.Ratio != 0 {
			change = fmt.Sprintf("%+.1f %%", (c.Ratio-1)*100)
		}
		if c.Chance < 1 {
			chance = fmt.Sprintf("p=%.3f", c.Chance)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Row, c.Metric, c.Before.Text(c.Unit), c.Now.Text(c.Unit), change, chance, c.Verdict)
	}
	return t.Flush()
}
