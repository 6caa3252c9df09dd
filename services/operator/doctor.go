package operator

import (
	"time"

	"github.com/hotpair/hotpair/services/lateness"
)

// Diagnosis says whether a takeover could succeed right now.
type Diagnosis struct {
	Host     string    `json:"host"` // who was asked
	Time     time.Time `json:"time"`
	Takeover bool      `json:"takeover"` // the loss of the active now would be taken over by the other host
	Verdict  string    `json:"verdict"`
	Level    string    `json:"level"`    // of the pair and of all findings, the worst
	Summary  string    `json:"summary"`  // how the pair is, as every status says it
	Findings []Finding `json:"findings"` // the worst first
	Hosts    []Runs    `json:"hosts"`    // that were examined, by name
	// Lateness is how late each host found the other one in the last day, by host.
	Lateness map[string]lateness.Day `json:"lateness"`
}

// Runs is which program a host runs.
type Runs struct {
	Host    string `json:"host"`
	Role    string `json:"role"`
	Version string `json:"version"` // its name in one word, as v0.2.0, then more
}

// Finding is one thing that was looked at.
type Finding struct {
	Host   string `json:"host"`
	Check  string `json:"check"`
	Level  string `json:"level"` // good; warning: fix it soon; bad: a takeover could not succeed, or would be of no use
	Value  string `json:"value"`
	Remedy string `json:"remedy,omitempty"`
}

// Examination is what one host finds of itself.
type Examination struct {
	Host        string        `json:"host"`
	Time        time.Time     `json:"time"` // on its wall clock, as it answers
	Role        string        `json:"role"`
	Version     string        `json:"version"`
	Lease       time.Duration `json:"lease_ns"`
	Lateness    lateness.Day  `json:"lateness"`
	Predictions []Prediction  `json:"outlooks"`  // of the loss of the other host
	Terminals   int           `json:"terminals"` // that it is connected to
	Findings    []Finding     `json:"findings"`
}
