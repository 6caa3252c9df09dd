package operator

import (
	"time"

	"github.com/hotpair/hotpair/services/lateness"
)

// Diagnosis says whether a takeover could succeed right now.
type Diagnosis struct {
	Host     string    `json:"host"` // the asked host
	Time     time.Time `json:"time"`
	Takeover bool      `json:"takeover"` // the other host would take over if the active were lost now
	Verdict  string    `json:"verdict"`
	Level    string    `json:"level"`    // the worst of the pair and all findings
	Summary  string    `json:"summary"`  // the state of the pair, as in its status
	Findings []Finding `json:"findings"` // the worst first
	Hosts    []Runs    `json:"hosts"`    // the examined hosts, by name
	// Lateness is how late each host found the other one in the last day, by host.
	Lateness map[string]lateness.Day `json:"lateness"`
}

// Runs names the program that a host runs.
type Runs struct {
	Host    string `json:"host"`
	Role    string `json:"role"`
	Version string `json:"version"` // one word, like v0.2.0, then details
}

// Finding is the result of one check.
type Finding struct {
	Host   string `json:"host"`
	Check  string `json:"check"`
	Level  string `json:"level"` // good; warning: fix it soon; bad: a takeover could not succeed, or would be useless
	Value  string `json:"value"`
	Remedy string `json:"remedy,omitempty"`
}

// Examination is the findings of one host about itself.
type Examination struct {
	Host        string        `json:"host"`
	Time        time.Time     `json:"time"` // on its wall clock, when it answers
	Role        string        `json:"role"`
	Version     string        `json:"version"`
	Lease       time.Duration `json:"lease_ns"`
	Lateness    lateness.Day  `json:"lateness"`
	Predictions []Prediction  `json:"outlooks"`  // for the loss of the other host
	Terminals   int           `json:"terminals"` // terminals that it is connected to
	Findings    []Finding     `json:"findings"`
}
