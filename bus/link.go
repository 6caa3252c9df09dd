package bus

import (
	"encoding/json"
	"time"

	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/storage/position"
)

// Beat is a main's heartbeat on the link, and its hello: every beat carries everything that the other main compares.
type Beat struct {
	Levels      level.Range       `json:"levels"`          // that its program knows
	Level       level.Level       `json:"level,omitempty"` // that its data are at
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
	Seen        uint64            `json:"seen,omitempty"`    // highest version of it that it has seen
	Pending     bool              `json:"pending,omitempty"` // it has a change of it outstanding
	Reads       bool              `json:"reads,omitempty"`   // its last read of it succeeded
	Committed   position.Position `json:"committed"`
	Position    position.Position `json:"position"`
	Empty       bool              `json:"empty,omitempty"`    // holds nothing and belongs to no pair
	Fresh       bool              `json:"fresh,omitempty"`    // has not yet known a living term since it started
	Unserved    bool              `json:"unserved,omitempty"` // its record gives it an epoch in which it served nobody
	Fit         bool              `json:"fit"`                // could serve now
	Unfit       string            `json:"unfit,omitempty"`
	Stopping    bool              `json:"stopping,omitempty"`
	Resigned    bool              `json:"resigned,omitempty"` // noted durably that it is out of the set
	Serving     bool              `json:"serving,omitempty"`  // its updater serves the term
	Lease       time.Duration     `json:"lease_ns"`
	HTTP        string            `json:"http,omitempty"`      // its operator address, for error messages
	Terminals   int               `json:"terminals,omitempty"` // sessions it has with terminals, attached or warm (T5)
	Scheduled   time.Time         `json:"scheduled,omitzero"`  // when an operator has it hand over
	ScheduledBy string            `json:"scheduled_by,omitempty"`
	Alarms      []Alarm           `json:"alarms,omitempty"`      // that it has raised
	Down        []string          `json:"down,omitempty"`        // services that are not ready
	Unable      string            `json:"unable,omitempty"`      // why it could not take over; "" when it could, or is no standby
	Witnessless bool              `json:"witnessless,omitempty"` // set to do without a witness
	Wall        int64             `json:"wall_ns"`               // its wall clock, Unix nanoseconds
}

// BeatReply answers a Beat at once. Grant: the replier promises not to take over on silence for lease × 1.1 + 10 ms
// from when it got the beat; the sender counts lease from when it sent it. With an error the hello was refused: another pair,
// witness or level.
type BeatReply struct {
	Beat
	Grant bool `json:"grant"`
}

// Calls of one main to the other. Large messages have their own connection in both directions, so that no beat waits
// for them, however slow the line is.
var (
	CallBeat       = Call[Beat, BeatReply]("link.beat")
	CallMakeReady  = Call[MakeReady, Done]("link.roles.make-ready") // B3
	CallHandOver   = Call[HandOver, Done]("link.roles.hand-over")   // B3 to B6
	CallCantTake   = Call[CantTake, Done]("link.roles.cant-take")
	CallResign     = Call[Resigned, Done]("link.roles.resign")
	CallHandEvents = Call[HandEvents, RecordedEvents]("link.bulk.events")
)

// LinkSender names the sender of a message on the link.
type LinkSender struct {
	Levels   level.Range `json:"levels"` // that its program knows
	Host     string      `json:"host"`
	Identity string      `json:"identity"`
}

// From returns the sender of the message that embeds it.
func (s LinkSender) From() LinkSender { return s }

// MakeReady says that a hand-over follows.
type MakeReady struct {
	LinkSender
	Cause string `json:"cause,omitempty"`
}

// HandOver says that the active has stopped at Position; the receiver is to take Epoch. With an error it can't.
type HandOver struct {
	LinkSender
	Epoch    uint64            `json:"epoch"`
	Revision uint64            `json:"revision"` // of the record that the sender holds
	Position position.Position `json:"position"`
	Drained  bool              `json:"drained,omitempty"`
	Cause    string            `json:"cause,omitempty"`
}

// CantTake says that the successor can't take over, and why.
type CantTake struct {
	LinkSender
	Cause string `json:"cause"`
}

// Resigned says that a standby that stops cleanly has noted that it has left the in-sync set (T9).
type Resigned struct{ LinkSender }

// HandEvents passes the sender's events to the host that serves, for the log.
type HandEvents struct {
	LinkSender
	Events []Event `json:"events"`
}
