package notice

import (
	"encoding/json"
	"time"
)

// Fenced announces a fenced notice to a terminal. The application that takes it first gets its content.
type Fenced struct {
	Topic string `cbor:"1,keyasint"`
	Until int64  `cbor:"2,keyasint"` // pair time in Unix nanoseconds; after it nobody takes it
}

// TopicFenced is the topic of a fenced notice in place of its own.
const TopicFenced = "fenced"

// Operations of the agent itself (bus.Request.Own), with a Taking as body.
const (
	OperationTake = "take" // → Taken
	OperationDone = "done" // → Taken
)

// MaxTaker bounds the names of a Taking, in bytes.
const MaxTaker = 64

// Taking asks the pair for a fenced notice, or reports its execution.
type Taking struct {
	ID        string `json:"id"` // of the notice
	Directory string `json:"directory"`
	Token     string `json:"token"`
}

// Taken answers a Taking with a verdict of package commands and, for the first taker, the content of the notice.
type Taken struct {
	Verdict string `json:"verdict"`
	Body    []byte `json:"body,omitempty"`
}

// Where an application takes a fenced notice, and says that it was carried out: Take → Handed, Take → Became, as JSON. What is refused has a
// code and a sentence in headers; the sentence begins with the state.
const (
	SubjectTake = "notices.take"
	SubjectDone = "notices.done"
)

// TopicCommand is the topic of what is told of fenced notices when they are over without having been carried out: Became.
const TopicCommand = "command"

// FencedSubject is where an application hears of fenced notices: not where it hears of others, so that nothing is carried out by who does not
// know that it has to be taken.
func FencedSubject(service, topic string) string { return "fenced." + service + "." + topic }

// FencedSubjects matches the subjects of all fenced notices.
const FencedSubjects = "fenced.>"

// Take names a fenced notice by its number here. By is what an application made up at its start: who took a notice and lost the answer gets it
// again under the same.
type Take struct {
	Number uint64 `json:"number,string"`
	By     string `json:"by,omitempty"`
}

// Handed is what the application gets that takes a notice first.
type Handed struct {
	Number  uint64          `json:"number,string"`
	First   bool            `json:"first"`
	Service string          `json:"service"`
	Topic   string          `json:"topic"`
	Body    json.RawMessage `json:"body"`
	ID      string          `json:"id"`
	At      time.Time       `json:"at,omitzero"`
	Until   time.Time       `json:"until,omitzero"`
}

// Became is the outcome of a fenced notice.
type Became struct {
	Number  uint64 `json:"number,string"`
	ID      string `json:"id"`
	Service string `json:"service"`
	Topic   string `json:"topic"`
	State   string `json:"state"`
	Why     string `json:"why,omitempty"`
}
