package exchange

import (
	"time"

	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/role/record"
	"github.com/hotpair/hotpair/storage/position"
)

// Action is something that the driver must do. Actions of one Step are begun in order; each that has an answer is
// answered by exactly one Input, a failure by one that says so, within a deadline that the driver keeps.
type Action interface{ action() }

// ReadRecord reads the arbiter → RecordRead.
type ReadRecord struct{}

// WriteRecord makes the membership note of Record durable on this host (so that it may promote itself under what it
// writes), if it needs one, then tries the compare-and-set → RecordWritten. A note that can't be written is Unwritten.
type WriteRecord struct {
	Ticket   uint64
	Expected uint64        // revision; 0: the register was never written
	Over     record.Record // what stands under that revision; zero: nothing does
	Record   record.Record
	Unnoted  bool // what was lost is written back: the note that this host has stays as it is
}

// AnswerBeat replies to the PeerBeat of this Step, at once.
type AnswerBeat struct{ Grant bool }

// SendBeat sends a beat now instead of at the next interval.
type SendBeat struct{}

// AskTerminals asks all warm terminals whether the other host's session is fresh → TerminalsAsked.
type AskTerminals struct {
	Serial uint64
	Within time.Duration
	// Look is how long a terminal may take to look whether that host answers it; 0: it goes by the connection, which a host that lost its
	// power leaves behind.
	Look time.Duration
}

// Prepare fences the own journal below Epoch, validates what is in it → Prepared.
type Prepare struct {
	Serial  uint64
	Epoch   uint64
	AtLeast position.Position
	Repair  bool // a damaged journal is given up behind the damage: an operator accepts that
}

// Release undoes Prepare.
type Release struct{}

// Serve makes the updater begin or resume the term, Epoch being durable before it is used → Served.
type Serve struct {
	Epoch         uint64
	RecordVersion uint64
	RequirePeer   bool
	Resume        bool
}

// AttachTerminals makes terminal-if serve (B8) → TerminalsAttached.
type AttachTerminals struct{ Epoch uint64 }

// Require sets which hosts must hold a frame before it is committed; with Peer, Membership is what the peer must have
// noted → Required.
type Require struct {
	Serial     uint64
	Peer       bool
	Membership membership.Note
}

// Drain ends the term from within (B4, B5): no new requests, those in flight are finished, no process of this host
// answers any more; the note for the successor's record is durable → Drained.
type Drain struct {
	Serial     uint64
	Membership membership.Note
	// RightsOnly leaves the updater alone: its disk is stuck. Then there is no last position.
	RightsOnly bool
}

// BecomeStandby orders all processes to be standby (B4, B5), whatever they did.
type BecomeStandby struct{ Epoch uint64 }

// WriteFacts makes facts durable. Zero fields stay as they are.
type WriteFacts struct {
	PairID        string
	RecordVersion uint64
	Epoch         uint64         // of the record: nobody of a lower one may append here any more, and nobody of a higher one yet
	Record        *record.Record // as the arbiter had it, or of a host without a witness the own copy
}

// Resign makes the note durable that this host is out, then tells the other main → then Exit by the driver.
type Resign struct{ Note membership.Note }

// TellPeer tells the other main to get ready (B3), that this host has stopped (B6), or that it can't take over what was
// handed over.
type TellPeer struct {
	HandOver *HandOver // nil: get ready
	Cause    string
	CantTake bool
}

// Refuse answers an operator's request with a reason.
type Refuse struct{ Reason string }

// Report is an event that an operator can act on.
type Report struct {
	Step  Step // "" for events outside the B-steps
	Epoch uint64
	Text  string
	Opens bool // the first step of a procedure: times of the later ones count from here
}

// Exit ends this main: everything is handed over or resigned.
type Exit struct{}

func (ReadRecord) action()      {}
func (WriteRecord) action()     {}
func (AnswerBeat) action()      {}
func (SendBeat) action()        {}
func (AskTerminals) action()    {}
func (Prepare) action()         {}
func (Release) action()         {}
func (Serve) action()           {}
func (AttachTerminals) action() {}
func (Require) action()         {}
func (Drain) action()           {}
func (BecomeStandby) action()   {}
func (WriteFacts) action()      {}
func (Resign) action()          {}
func (TellPeer) action()        {}
func (Refuse) action()          {}
func (Report) action()          {}
func (Exit) action()            {}
