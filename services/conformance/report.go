package conformance

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/operator/wording"
)

// Outcome of a rule.
type Outcome string

// Outcomes.
const (
	Passed   Outcome = "passed"
	Failed   Outcome = "failed"
	NotTried Outcome = "not tried"
)

// Result is the result of one rule.
type Result struct {
	Rule    string  `json:"rule"`
	Heading string  `json:"heading"` // of the protocol
	Asks    string  `json:"asks"`
	Outcome Outcome `json:"outcome"`
	// Saw says how the rule is violated, or what is missing if it was not tested.
	Saw    string `json:"saw,omitempty"`
	TookMS int64  `json:"took_ms"`
}

// Report has the results of all rules.
type Report struct {
	Service    string   `json:"service"`
	Version    string   `json:"version,omitempty"`
	Command    []string `json:"command"`
	Operations []string `json:"operations"`
	Batches    bool     `json:"packs"` // requests were sent in batches
	Rules      []Result `json:"rules"`
	Passed     int      `json:"passed"`
	Failed     int      `json:"failed"`
	NotTried   int      `json:"not_tried"`
}

func (r *Report) add(one Result) {
	switch r.Rules = append(r.Rules, one); one.Outcome {
	case Passed:
		r.Passed++
	case Failed:
		r.Failed++
	default:
		r.NotTried++
	}
}

// line is a result as people read it while the others are tried.
func (r Result) line() string {
	text := fmt.Sprintf("%-9s  %-18s %s", r.Outcome, r.Rule, r.Asks)
	if r.Saw != "" {
		text += "\n           " + wording.Printable(r.Saw)
	}
	return text
}

// write prints the summary, with the violated rules again at the end, where it is read.
func (r *Report) write(w io.Writer) error {
	var b strings.Builder
	for _, one := range r.Rules {
		if one.Outcome == Failed {
			fmt.Fprintf(&b, "%s (PROTOCOL.md, %s): %s\n  %s\n", one.Rule, one.Heading, one.Asks, wording.Printable(one.Saw))
		}
	}
	fmt.Fprintf(&b, "%s: %d rules passed, %d failed, %d not tried\n", wording.Printable(r.Service), r.Passed, r.Failed, r.NotTried)
	_, err := io.WriteString(w, b.String())
	return err
}

// verdict is the outcome of a rule, with its reason.
type verdict struct {
	outcome Outcome
	saw     string
}

func passed() verdict { return verdict{outcome: Passed} }

func failed(format string, v ...any) verdict { return verdict{Failed, fmt.Sprintf(format, v...)} }

func untried(format string, v ...any) verdict { return verdict{NotTried, fmt.Sprintf(format, v...)} }

// of is the verdict of an error; none is passed.
func of(err error) verdict {
	if err != nil {
		return failed("%v", err)
	}
	return passed()
}

// result completes a verdict.
func (v verdict) result(r rule, took time.Duration) Result {
	return Result{Rule: r.name, Heading: r.heading, Asks: r.asks, Outcome: v.outcome, Saw: v.saw, TookMS: took.Milliseconds()}
}
