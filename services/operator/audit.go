package operator

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/operator/wording"
)

// Audit is the outcome of a loss audit: after each attach the receipts that terminals hold from before are looked up in
// the history that now serves. Receipts that are not of this pair are counted and raise no alarm.
type Audit struct {
	Time       time.Time `json:"time"` // when it was done, on the host's wall clock
	Epoch      uint64    `json:"epoch"`
	Checked    int       `json:"checked"`    // receipts of this pair: present, missing or unprovable
	Missing    int       `json:"missing"`    // acknowledged, but not in the history
	Unprovable int       `json:"unprovable"` // older than the history and the answers that are kept
	Foreign    int       `json:"foreign"`    // receipts with a code that is not this pair's
	Terminals  int       `json:"terminals"`  // terminals that were asked
	Silent     int       `json:"silent"`     // terminals of these that showed no receipts
	// GapWorstMS and GapMedianMS are how long terminals with waiting requests had no answer before the attach, in
	// milliseconds, as measured by the terminals. Felt counts those terminals.
	GapWorstMS  float64 `json:"gap_worst_ms"`
	GapMedianMS float64 `json:"gap_median_ms"`
	Felt        int     `json:"felt"`
	// Examples name some missing updates: terminal/request at position.
	Examples []string `json:"examples,omitempty"`
	Error    string   `json:"error,omitempty"` // why the audit could not be finished
}

// Sentence returns the outcome in one line.
func (a *Audit) Sentence() string {
	text := wording.Grouped(uint64(a.Missing)) + " of " + wording.Grouped(uint64(a.Checked)) + " acknowledged updates missing"
	if a.Unprovable > 0 {
		text += ", " + wording.Grouped(uint64(a.Unprovable)) + " too old to tell"
	}
	if a.Foreign > 0 {
		text += ", " + wording.Count(uint64(a.Foreign), "receipt") + " not of this pair"
	}
	if a.Silent > 0 {
		text += fmt.Sprintf(", %d of %s showed no receipts", a.Silent, wording.Count(uint64(a.Terminals), "terminal"))
	}
	if a.Felt > 0 {
		text += fmt.Sprintf("; gap at terminals: worst %.1f ms, median %.1f ms", a.GapWorstMS, a.GapMedianMS)
	}
	if a.Error != "" {
		text += "; not finished: " + a.Error
	}
	return text
}
