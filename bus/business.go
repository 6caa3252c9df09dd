package bus

import (
	"github.com/hotpair/hotpair/bus/keyrange"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/storage/position"
)

// Codes of answers, as the NATS service convention has them in the header Nats-Service-Error-Code.
const (
	CodeOK         = 0
	CodeMalformed  = 400
	CodeForbidden  = 403
	CodeAbsent     = 404
	CodeConflict   = 409
	CodeTooOld     = 410
	CodeTooLarge   = 413
	CodeOverloaded = 429
	CodeFault      = 500
	CodeNobody     = 503
	CodeUnknown    = 504
)

// Headers of requests and replies at a terminal and at a foreign business process.
const (
	HeaderRequestID = "Hotpair-Request-Id" // app's own id, as package requestid has it
	HeaderDeadline  = "Hotpair-Deadline"   // Go duration
	HeaderPosition  = "Hotpair-Position"   // epoch/sequence, when something was written
	HeaderErrorCode = "Nats-Service-Error-Code"
	HeaderError     = "Nats-Service-Error"
	HeaderTerminal  = "Hotpair-Terminal"
	HeaderCounter   = "Hotpair-Counter"
	HeaderAttempt   = "Hotpair-Attempt"
	HeaderEpoch     = "Hotpair-Epoch"
	HeaderTicket    = "Hotpair-Ticket" // to a business process: passed on to the updater
	HeaderProof     = "Hotpair-Proof"  // from a business process: what the updater gave with a position
)

// TicketKey is the key of tickets and proofs (package ticket). It travels in orders only, and is never logged.
type TicketKey []byte

// String hides the key.
func (k TicketKey) String() string { return "(secret)" }

// GoString hides the key.
func (k TicketKey) GoString() string { return k.String() }

// RequestID names one request of a terminal (R7): as the host authenticated it, and the agent's counter or the app's own id.
type RequestID struct {
	Terminal string `cbor:"1,keyasint"`
	Counter  uint64 `cbor:"2,keyasint,omitempty"`
	App      string `cbor:"3,keyasint,omitempty"`
}

// Request is a terminal's request on its way agent → terminal-if → business process.
type Request struct {
	ID        RequestID `cbor:"1,keyasint"`           // the agent leaves Terminal empty; terminal-if fills in who it dialled
	Oldest    uint64    `cbor:"2,keyasint,omitempty"` // the agent's lowest unanswered counter
	Attempt   int       `cbor:"3,keyasint,omitempty"` // 1 at first; more when it may have been executed before
	Crashes   int       `cbor:"4,keyasint,omitempty"` // crashes of its business process while it was in flight (T2)
	Epoch     uint64    `cbor:"5,keyasint,omitempty"` // of the term that relays it; set by terminal-if
	Service   string    `cbor:"6,keyasint"`
	Operation string    `cbor:"7,keyasint"`
	Body      []byte    `cbor:"8,keyasint,omitempty"`  // JSON
	Remaining int64     `cbor:"9,keyasint,omitempty"`  // nanoseconds until the deadline, when sent
	Ticket    string    `cbor:"10,keyasint,omitempty"` // terminal-if's word for id, floor and content, which is passed on (package ticket)
	// Timer: it is the run of a timer, which has no ticket.
	Timer *outbox.Due `cbor:"11,keyasint,omitempty"`
	// Own: it is the agent's own, about a fenced command (package notice), and for no service.
	Own bool `cbor:"13,keyasint,omitempty"`
	// Queued: its number is one of the terminal's queue, which are a series of their own (QueueSeries).
	Queued bool `cbor:"12,keyasint,omitempty"`
}

// Reply answers a Request.
type Reply struct {
	Code     int               `cbor:"1,keyasint,omitempty"`
	Message  string            `cbor:"2,keyasint,omitempty"` // a sentence, when Code is not CodeOK
	Body     []byte            `cbor:"3,keyasint,omitempty"` // JSON
	Position position.Position `cbor:"4,keyasint,omitempty"` // of the update, when something was written
	Receipt  []byte            `cbor:"5,keyasint,omitempty"` // by which the pair recognises its own receipt
	Proof    string            `cbor:"6,keyasint,omitempty"` // the updater's word for Position, up to terminal-if
	Crashes  int               `cbor:"-"`                    // of its business process while it was in flight (T2), within terminal-if
}

// DatabaseCall is one call of a service to the updater: exactly one field is set.
type DatabaseCall struct {
	Read   *Read   `cbor:"1,keyasint,omitempty"`
	Scan   *Scan   `cbor:"2,keyasint,omitempty"`
	Commit *Commit `cbor:"3,keyasint,omitempty"`
}

// Ticket is what the call was made with, "" for none.
func (c DatabaseCall) Ticket() string {
	switch {
	case c.Read != nil:
		return c.Read.Ticket
	case c.Scan != nil:
		return c.Scan.Ticket
	case c.Commit != nil:
		return c.Commit.Ticket
	}
	return ""
}

// DatabaseReply answers a DatabaseCall. Code is CodeOK, or: CodeConflict (a condition failed, R12: on committed state),
// CodeMalformed, CodeTooLarge, CodeForbidden (the ticket is not one of this service), CodeOverloaded (admission),
// CodeTooOld (R7), CodeNobody (not the active of that epoch), CodeFault.
type DatabaseReply struct {
	Code      int               `cbor:"1,keyasint,omitempty"`
	Message   string            `cbor:"2,keyasint,omitempty"`
	Position  position.Position `cbor:"3,keyasint,omitempty"` // read: committed position seen; commit: of the update
	Items     []Item            `cbor:"4,keyasint,omitempty"` // read: one for each key in order; scan: in key order
	More      bool              `cbor:"5,keyasint,omitempty"` // scan: the limit was reached
	Recorded  *Reply            `cbor:"6,keyasint,omitempty"` // the id was executed before: repeat this (R7)
	Conflicts [][]byte          `cbor:"7,keyasint,omitempty"` // keys whose condition failed
	Proof     string            `cbor:"8,keyasint,omitempty"` // commit: proves Position to terminal-if
	Moved     []int             `cbor:"9,keyasint,omitempty"` // which of the ranges, from 0, are not as they were
}

// Item is a key with its value. Revision 0: the key is absent.
type Item struct {
	Key      []byte `cbor:"1,keyasint,omitempty"`
	Value    []byte `cbor:"2,keyasint,omitempty"`
	Revision uint64 `cbor:"3,keyasint,omitempty"`
}

// Read asks for keys of the caller's space, all at one committed position, at which Ranges must hold (CodeConflict). The ticket of a
// request that was executed before brings back its recorded answer instead.
type Read struct {
	Ticket string           `cbor:"1,keyasint,omitempty"`
	Keys   [][]byte         `cbor:"2,keyasint"`
	Ranges []keyrange.Range `cbor:"3,keyasint,omitempty"`
}

// Scan lists keys with a prefix, after a key, in order, at a position at which Conditions and Ranges hold; otherwise CodeConflict. At
// (when not zero) demands that the state has not moved at all since that position.
type Scan struct {
	Prefix     []byte            `cbor:"1,keyasint,omitempty"`
	After      []byte            `cbor:"2,keyasint,omitempty"`
	Limit      int               `cbor:"3,keyasint,omitempty"` // at most 1000; 0 is 1000
	At         position.Position `cbor:"4,keyasint,omitempty"`
	Ticket     string            `cbor:"5,keyasint,omitempty"`
	Conditions []Condition       `cbor:"6,keyasint,omitempty"`
	Ranges     []keyrange.Range  `cbor:"7,keyasint,omitempty"`
}

// Commit is the one transaction of a request: if every condition and range holds, all operations take effect as one update and the answer
// is recorded with it; without operations only if Record is set. Without a ticket no answer is recorded, and nobody's is forgotten.
type Commit struct {
	Ticket     string           `cbor:"1,keyasint,omitempty"`
	Epoch      uint64           `cbor:"4,keyasint,omitempty"` // another one than the updater's is CodeNobody; with a ticket, its own counts
	Conditions []Condition      `cbor:"5,keyasint,omitempty"`
	Operations []Operation      `cbor:"6,keyasint,omitempty"`
	Answer     Answer           `cbor:"7,keyasint"`
	Record     bool             `cbor:"8,keyasint,omitempty"` // record the answer even without operations (attempt > 1)
	Ranges     []keyrange.Range `cbor:"9,keyasint,omitempty"`
	Outbox     outbox.Changes   `cbor:"10,keyasint,omitzero"`
}

// Condition demands that a key has a revision; 0 demands that it is absent. Present demands any revision but 0.
type Condition struct {
	Key      []byte `cbor:"1,keyasint"`
	Revision uint64 `cbor:"2,keyasint,omitempty"`
	Present  bool   `cbor:"3,keyasint,omitempty"`
}

// Holds reports whether a key that has a revision, 0 when absent, is as demanded.
func (c *Condition) Holds(revision uint64) bool {
	return c.Present && revision != 0 || !c.Present && revision == c.Revision
}

// Operation puts or deletes one key.
type Operation struct {
	Key    []byte `cbor:"1,keyasint"`
	Value  []byte `cbor:"2,keyasint,omitempty"`
	Delete bool   `cbor:"3,keyasint,omitempty"`
}

// Answer is the answer of a handler. With Revision the reply's JSON object gets a field "revision" from the update's
// position, so the recorded answer does not depend on where the update ended up.
type Answer struct {
	Code     int    `cbor:"1,keyasint,omitempty"`
	Message  string `cbor:"2,keyasint,omitempty"`
	Body     []byte `cbor:"3,keyasint,omitempty"`
	Revision bool   `cbor:"4,keyasint,omitempty"`
}
