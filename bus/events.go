package bus

import (
	"time"
)

// Kinds of events.
const (
	EventRole     = "role"     // who is active: terms, takeovers, hand-overs with their B-steps
	EventPair     = "pair"     // the other host, the in-sync set, the witness
	EventProcess  = "process"  // a process of a host ended, came back, was given up (B1, B2)
	EventOperator = "operator" // what an operator wanted, and what came of it
	EventAudit    = "audit"    // outcome of a loss audit
	EventAlarm    = "alarm"    // an alarm was raised, cleared or acknowledged
)

// EventKinds are all kinds, in the order in which help names them.
func EventKinds() []string {
	return []string{EventRole, EventPair, EventProcess, EventOperator, EventAudit, EventAlarm}
}

// Event is something that an operator can act on, as a host saw it. In the pair's log it is an entry of the replicated
// database; host, incarnation and number say which event it is, however often it is sent. The JSON names are stable.
type Event struct {
	ID          uint64            `json:"id,omitempty"` // its number in the pair's log; 0 while only its host has it
	Time        time.Time         `json:"time"`         // the host's wall clock
	Host        string            `json:"host"`
	Incarnation uint64            `json:"incarnation,string,omitempty"` // of the main that saw it
	Number      uint64            `json:"number,omitempty"`             // counts the events of that incarnation, from 1
	Kind        string            `json:"kind,omitempty"`               // Event…
	Step        string            `json:"step,omitempty"`               // B1 … B9 of figure 3
	Epoch       uint64            `json:"epoch,omitempty"`
	Text        string            `json:"text"`
	Took        time.Duration     `json:"took_ns,omitempty"` // since the first step of the same procedure
	Late        bool              `json:"late,omitempty"`    // came into the log long after it happened
	Details     map[string]string `json:"details,omitempty"`
}

// Severities of alarms.
const (
	Critical = "critical" // users are hit, or data is in danger: act now
	Warning  = "warning"  // served, but the next failure would hurt
)

// Alarm is something that is wrong now. It ends by itself when its cause is gone, unless Acknowledge says that only an
// operator ends it. The JSON names are stable.
type Alarm struct {
	ID       string    `json:"id"`       // one word for the cause, like no-witness
	Severity string    `json:"severity"` // critical, warning
	Since    time.Time `json:"since"`    // the host's wall clock
	Host     string    `json:"host"`     // which raised it
	Text     string    `json:"text"`     // what is wrong, a sentence
	Remedy   string    `json:"remedy"`   // what to do
	// Acknowledge: it stays, over takeovers and restarts of both hosts, until an operator acknowledges it.
	Acknowledge bool `json:"acknowledge,omitempty"`
}
