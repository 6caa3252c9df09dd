package simulator

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

const (
	// shownGaps is how many gaps are listed for people, the longest ones; keptGaps how many a report has.
	shownGaps = 20
	keptGaps  = 1000
)

// Report is what a run found.
type Report struct {
	Seed       uint64        `json:"seed"`
	Workload   string        `json:"workload"`
	Terminals  int           `json:"terminals"`
	Clients    int           `json:"clients"`
	Took       time.Duration `json:"took_ns"` // of the work, without what came before and after
	Operations uint64        `json:"operations"`
	Rate       float64       `json:"rate"` // operations a second
	Latency    Latency       `json:"latency"`
	// Errors are answers that were no success, by code, and requests without an answer, each attempt counted.
	Errors map[string]int `json:"errors"`
	// Unsettled are outcomes that could not be found out; they count neither way.
	Unsettled     int            `json:"unsettled"`
	Takeovers     []Interruption `json:"takeovers"`
	Interruptions int            `json:"interruptions"` // gaps above the threshold, of which Gaps has the longest
	Gaps          []Interruption `json:"gaps"`
	LongestGap    time.Duration  `json:"longest_gap_ns"` // that any terminal felt
	Verdict       Verdict        `json:"verdict"`

	all []gap
}

// GapFrom gives the longest gap that any terminal felt and that began between two moments: what came of something that
// was done at the first one. Gaps below 2 ms are not kept and count as 0.
func (r Report) GapFrom(from, to time.Time) time.Duration {
	var felt time.Duration
	for _, g := range r.all {
		if !g.from.Before(from) && g.from.Before(to) {
			felt = max(felt, g.length())
		}
	}
	return felt
}

// Latency of operations, from the first attempt to the definite answer.
type Latency struct {
	P50 time.Duration `json:"p50_ns"`
	P95 time.Duration `json:"p95_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

// Verdict is whether the pair kept its word.
type Verdict struct {
	OK      bool   `json:"ok"`
	Missing int    `json:"missing"` // acknowledged updates that are not there
	Doubled int    `json:"doubled"` // requests that took effect twice
	Stale   int    `json:"stale"`   // answers that showed less than was acknowledged
	Wrong   int    `json:"wrong"`   // answers that nothing explains, ledger balances and totals among them
	Writes  int    `json:"writes"`  // acknowledged, each at a position of its own
	Keys    int    `json:"keys"`    // keys and accounts read back
	IDs     int    `json:"ids"`     // acknowledged ids repeated
	Dropped int    `json:"dropped"` // acknowledged ids that were too many to be kept
	Unread  int    `json:"unread"`  // checks without an answer: no verdict without them
	Total   *int64 `json:"ledger_total,omitempty"`
	Before  *int64 `json:"ledger_total_before,omitempty"`
	// Seats is what a run of tickets proved.
	Seats    *SeatsVerdict `json:"seats,omitempty"`
	Reason   string        `json:"reason,omitempty"` // why it is not OK, when nothing is missing or wrong
	Examples []string      `json:"examples,omitempty"`
}

// decide says whether all is well. A run that did or checked nothing is not.
func (v *Verdict) decide(operations uint64) {
	switch {
	case v.Missing+v.Doubled+v.Stale+v.Wrong > 0:
		v.Reason = "the pair did not keep its word"
	case operations == 0 || v.Writes == 0:
		v.Reason = "nothing was acknowledged, so nothing is proved"
	case v.Keys == 0:
		v.Reason = "nothing was read back, so nothing is proved"
	case v.Unread > 0 && v.Seats != nil && v.Seats.Deferred:
		v.Reason = fmt.Sprintf("%d checks got no answer; emissions are held, as after a promotion by force: hotpair emissions release --held lets them leave", v.Unread)
	case v.Unread > 0:
		v.Reason = fmt.Sprintf("%d checks got no answer", v.Unread)
	}
	v.OK = v.Reason == ""
}

// String is the verdict as one line.
func (v Verdict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "verdict: %s: %d missing, %d doubled, %d stale, %d wrong; %d acknowledged writes, %d keys and accounts read back, %d ids repeated",
		map[bool]string{true: "ok", false: "FAILED"}[v.OK], v.Missing, v.Doubled, v.Stale, v.Wrong, v.Writes, v.Keys, v.IDs)
	if v.Dropped > 0 {
		fmt.Fprintf(&b, " (%d more were too many to keep)", v.Dropped)
	}
	switch {
	case v.Total == nil || v.Before == nil:
	case *v.Total == *v.Before:
		fmt.Fprintf(&b, "; ledger total %d unchanged", *v.Total)
	default:
		fmt.Fprintf(&b, "; ledger total %d, before %d", *v.Total, *v.Before)
	}
	if v.Seats != nil {
		fmt.Fprintf(&b, "; %s", v.Seats)
	}
	if v.Reason != "" {
		fmt.Fprintf(&b, "; %s", v.Reason)
	}
	return b.String()
}

// Write writes the report for people.
func (r Report) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d terminals, %d clients, workload %s, seed %d\n", r.Terminals, r.Clients, r.Workload, r.Seed)
	fmt.Fprintf(&b, "%d operations in %s: %.0f/s\n", r.Operations, r.Took.Round(10*time.Millisecond), r.Rate)
	fmt.Fprintf(&b, "latency: p50 %s, p95 %s, p99 %s, max %s\n", short(r.Latency.P50), short(r.Latency.P95), short(r.Latency.P99), short(r.Latency.Max))
	fmt.Fprintf(&b, "errors: %s\n", describeErrors(r.Errors))
	if r.Unsettled > 0 {
		fmt.Fprintf(&b, "outcomes that stayed unknown: %d\n", r.Unsettled)
	}
	for _, t := range r.Takeovers {
		fmt.Fprintf(&b, "takeover to epoch %d: %s\n", t.Epoch, t)
	}
	fmt.Fprintf(&b, "longest gap: %s\n", short(r.LongestGap))
	shown := longest(r.Gaps, shownGaps)
	for _, g := range shown {
		fmt.Fprintf(&b, "gap: %s\n", g)
	}
	if more := r.Interruptions - len(shown); more > 0 {
		fmt.Fprintf(&b, "and %d shorter gaps\n", more)
	}
	for _, example := range r.Verdict.Examples {
		fmt.Fprintln(&b, example)
	}
	fmt.Fprintln(&b, r.Verdict)
	_, err := io.WriteString(w, b.String())
	return err
}

// String is an interruption as one line.
func (i Interruption) String() string {
	line := i.At.Format("15:04:05.000") + " "
	if i.Gap > 0 {
		line += short(i.Gap) + " for everybody"
	} else {
		line += "others went on"
	}
	if i.Worst > 0 {
		line += fmt.Sprintf(", worst %s at %s, %d terminals", short(i.Worst), i.Terminal, i.Terminals)
	}
	return line
}

func describeErrors(errors map[string]int) string {
	if len(errors) == 0 {
		return "none"
	}
	var parts []string
	for code, n := range errors {
		parts = append(parts, fmt.Sprintf("%s: %d", code, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// short rounds a duration to what is worth reading.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}
