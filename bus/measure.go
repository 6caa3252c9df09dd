package bus

import (
	"github.com/hotpair/hotpair/services/histogram"
	"github.com/hotpair/hotpair/services/refusals"
)

// UpdaterMeasures are what an updater has counted since it started.
type UpdaterMeasures struct {
	Updates     uint64           `json:"updates"` // committed by it as the active
	Commit      histogram.Sample `json:"commit"`  // from when a frame left until it was committed everywhere it must be (A3–A5)
	Journal     histogram.Sample `json:"journal"` // its append to the own journal, with fsync (A3)
	Replication histogram.Sample `json:"replication"`
	// Probe is a small durable write, made while updates come to a standby; nil while none was.
	Probe   *histogram.Sample `json:"probe,omitempty"`
	Refused refusals.Counts   `json:"refused"`
}

// TerminalMeasures are what a terminal-if has counted since it started.
type TerminalMeasures struct {
	Request histogram.Sample `json:"request"` // from when a terminal's request was taken until its answer left (A1–A5)
	Refused refusals.Counts  `json:"refused"` // requests answered at once
}
