package bus

import (
	"encoding/json"
	"time"

	"github.com/hotpair/hotpair/storage/position"
)

// Beat is a main's heartbeat on the link, and its hello: every beat carries all that the other main must compare.
type Beat struct {
	Version     int               `json:"version"`
	Host        string            `json:"host"`
	Identity    string            `json:"identity"`
	Incarnation uint64            `json:"incarnation"` // random number of this run of main
	Steps       uint64            `json:"steps"`       // inputs its role machine has taken: tells an older beat from a newer one
	PairID      string            `json:"pair_id,omitempty"`
	WitnessID   string            `json:"witness_id,omitempty"`
	Role        string            `json:"role"`
	Epoch       uint64            `json:"epoch"`            // of the term it holds; 0 when it holds none
	Known       uint64            `json:"known"`            // highest epoch it knows
	Record      json.RawMessage   `json:"record,omitempty"` // pair record as it knows it
	Revision    uint64            `json:"revision,omitempty"`
	Committed   position.Position `json:"committed"`
	Position    position.Position `json:"position"`
	Empty       bool              `json:"empty,omitempty"` // holds nothing and belongs to no pair
	Fresh       bool              `json:"fresh,omitempty"` // has not yet known a living term since it started
	Fit         bool              `json:"fit"`             // could serve now
	Unfit       string            `json:"unfit,omitempty"`
	Stopping    bool              `json:"stopping,omitempty"`
	Resigned    bool              `json:"resigned,omitempty"` // noted durably that it is out of the set
	Serving     bool              `json:"serving,omitempty"`  // its updater serves the term
	Settling    bool              `json:"settling,omitempty"` // it takes over, or did so a moment ago: who starts gives way
	Lease       time.Duration     `json:"lease_ns"`
	HTTP        string            `json:"http,omitempty"`      // its operator address, for error messages
	Terminals   int               `json:"terminals,omitempty"` // sessions it has with terminals, attached or warm (T5)
	Scheduled   time.Time         `json:"scheduled,omitzero"`  // when an operator has it hand over
	ScheduledBy string            `json:"scheduled_by,omitempty"`
	Alarms      []Alarm           `json:"alarms,omitempty"` // that it has raised
}

// BeatReply answers a Beat at once. Grant: the replier promises not to take over on silence for lease × 1.1 + 10 ms
// from when it got the beat; the sender counts lease from when it sent it.
type BeatReply struct {
	Beat
	Grant bool   `json:"grant"`
	Error string `json:"error,omitempty"` // refused hello: another pair, witness or version
}

// Kinds of LinkMessage.
const (
	LinkHandOver = "hand-over" // B3/B6: the active has stopped at Position; the receiver shall take Epoch
	LinkCantTake = "cant-take" // the successor can't take what was handed over; Cause says why
	LinkResign   = "resign"    // a standby that stops cleanly has noted that it is out (T9)
	LinkOperator = "operator"  // an operator's call that only the active can do
	LinkPrepare  = "prepare"   // B3: make ready, a hand-over follows
	LinkEvents   = "events"    // events of a host that does not serve, for the log; answered by RecordedEvents
)

// LinkMessage is something one main tells the other beside beats.
type LinkMessage struct {
	Version  int               `json:"version"`
	Kind     string            `json:"kind"`
	Host     string            `json:"host"`
	Identity string            `json:"identity"`
	Epoch    uint64            `json:"epoch,omitempty"`
	Revision uint64            `json:"revision,omitempty"` // of the record that the sender holds
	Position position.Position `json:"position,omitzero"`
	Drained  bool              `json:"drained,omitempty"`
	Cause    string            `json:"cause,omitempty"`
	Call     json.RawMessage   `json:"call,omitempty"`   // LinkOperator
	Events   []Event           `json:"events,omitempty"` // LinkEvents, all of this host
}

// LinkReply answers it.
type LinkReply struct {
	Error string          `json:"error,omitempty"`
	Body  json.RawMessage `json:"body,omitempty"`
}
