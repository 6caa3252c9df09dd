package exchange

import (
	"time"

	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/role/record"
	"github.com/hotpair/hotpair/storage/position"
)

// Input is an event. Step takes it with its time, on a clock that counts sleep.
type Input interface{ input() }

// Outcome of a compare-and-set.
type Outcome int

const (
	// Won: it took effect.
	Won Outcome = iota
	// Lost: another revision stands; this attempt can't take effect any more. An earlier one of the same content may have.
	Lost
	// Unwritten: it was certainly not sent.
	Unwritten
	// InDoubt: it may have taken effect, or may still (R11).
	InDoubt
)

// Tick comes at each heartbeat interval, lease/8, and before any other input after this main was stalled.
type Tick struct {
	// Stalled is for how long it did nothing although it should have. In that time it sent no beat and heard none, so it is
	// nobody else's silence (T11). What was promised runs on all the same.
	Stalled time.Duration
}

// stalledAfter is how many intervals may pass between two steps before a main takes notice of its own lateness.
const stalledAfter = 2

// TickAfter returns the tick for the time that has passed since the last step.
func TickAfter(passed, interval time.Duration) Tick {
	if passed <= stalledAfter*interval {
		return Tick{}
	}
	return Tick{Stalled: passed - interval}
}

// FactsRead holds the facts that the updater found on disk. It comes when the updater has started, so for an active it
// means that the updater was restarted within the term.
type FactsRead struct {
	Identity      string
	PairID        string
	Epoch         uint64
	Note          membership.Note
	RecordVersion uint64        // highest seen
	Record        record.Record // the last one that was written down; with a witness, one that it had
	Position      position.Position
	Inconsistent  bool
	Empty         bool
}

// RecordRead is the result of a read of the arbiter. Failed: it could not be read.
type RecordRead struct {
	Record    record.Record
	Revision  uint64
	WitnessID string
	Empty     bool
	Failed    bool
	Wall      time.Time // of this host's wall clock, failed or not
}

// RecordWritten is the outcome of WriteRecord with the same Ticket.
type RecordWritten struct {
	Ticket   uint64
	Outcome  Outcome
	Revision uint64
}

// PeerView is what the other main reports of itself in each beat and reply.
type PeerView struct {
	record.Member
	Incarnation uint64
	Steps       uint64 // of its machine: tells an older view from a newer one of the same incarnation
	PairID      string
	WitnessID   string
	Role        Role
	Epoch       uint64        // of the term it holds; 0 when none
	Known       uint64        // highest epoch it knows
	Record      record.Record // as it knows it; zero when it knows none
	Revision    uint64
	Seen        uint64 // highest version of the record that it has seen
	Pending     bool   // it has a change of the record outstanding
	Reads       bool   // its last read of the record succeeded
	Committed   position.Position
	Position    position.Position
	Empty       bool
	Fresh       bool
	Fit         bool
	Unfit       string
	Stopping    bool
	Resigned    bool
	Lease       time.Duration
	Serving     bool // its updater serves the term
	Unserved    bool // the record gives it an epoch in which it has not served, without a witness
	Terminals   int  // sessions open, warm or attached
}

// PeerBeat is a beat of the other main. Step answers it with AnswerBeat.
type PeerBeat struct{ Peer PeerView }

// BeatAnswered is the reply to an own beat that was sent at SentAt. Refusal: the other main refused the hello.
type BeatAnswered struct {
	SentAt  time.Duration
	Grant   bool
	Peer    PeerView
	Refusal string
}

// PeerEvidence is the evidence about the other host's two ports, at each change.
type PeerEvidence struct {
	Link, Replication evidence.State
}

// TerminalsAsked answers AskTerminals.
type TerminalsAsked struct {
	Serial uint64
	Asked  int      // terminals that this host has a session with
	Silent int      // those of them that did not answer in time
	Fresh  []string // terminals that still see the other host
}

// Prepared answers Prepare. Unfit is empty when the host could serve. Damaged: it could not because its journal does not go on behind
// Position, where acknowledged updates may have stood.
type Prepared struct {
	Serial   uint64
	Position position.Position
	Unfit    string
	Damaged  bool
}

// Served answers Serve. Unreadable: the term can't be resumed because the peer's journal can't be read.
type Served struct {
	Epoch      uint64
	Position   position.Position
	Unreadable bool
	Failure    string
}

// TerminalsAttached answers AttachTerminals.
type TerminalsAttached struct {
	Epoch    uint64
	Attached int
	Refused  int
	Waiting  int // neither when the order's time was over: they attach later, or are out of reach
	Failure  string
}

// Required answers Require.
type Required struct {
	Serial  uint64
	Failure string
}

// Drained answers Drain: no process of this host answers anything of this term from now on.
type Drained struct {
	Serial   uint64
	Position position.Position
	Failure  string
}

// Progress of the other host's replication, as the updater drives it.
type Progress int

const (
	// Absent: no replication connection, or not yet known.
	Absent Progress = iota
	// Behind: probing, catching up or copying.
	Behind
	// Close: has all but the frames of the moment.
	Close
	// Awaited: frames wait for it.
	Awaited
)

// UpdaterState is the updater's state at each change and heartbeat.
type UpdaterState struct {
	Position     position.Position
	Committed    position.Position
	Peer         Progress
	OldestFrame  time.Duration // age of the oldest frame in flight (T6)
	OwnStuck     bool          // it waits for the own disk
	Inconsistent bool
	Note         membership.Note
}

// Fitness says whether all processes of this host are ready for any role.
type Fitness struct {
	Fit bool
	Why string
}

// Terminals counts the terminals this host reaches.
type Terminals struct {
	Attached, Warm, Unreachable int
	MostEpoch                   uint64 // that more than half of those reached have accepted
}

// ProcessFailed says that the restart policy has given up on a process (B2).
type ProcessFailed struct{ Process string }

// HandOver says that the other host has stopped, and at which position (B6).
type HandOver struct {
	From     record.Member
	Epoch    uint64
	Revision uint64
	Position position.Position
	Drained  bool // it has the last position and has noted its membership, so it stays in the set
	Cause    string
}

// HandOverRefused says that the other host refuses the hand-over of TellPeer.
type HandOverRefused struct{ Reason string }

// Resigned says that the other host has durably noted that it has left the in-sync set (T9).
type Resigned struct{ From record.Member }

// SwitchoverWanted asks for a planned switchover. Step answers with Refuse or begins.
type SwitchoverWanted struct{ Cause string }

// StopWanted asks for a clean end: hand over or resign, then Exit.
type StopWanted struct{}

func (Tick) input()              {}
func (FactsRead) input()         {}
func (RecordRead) input()        {}
func (RecordWritten) input()     {}
func (PeerBeat) input()          {}
func (BeatAnswered) input()      {}
func (PeerEvidence) input()      {}
func (TerminalsAsked) input()    {}
func (Prepared) input()          {}
func (Served) input()            {}
func (TerminalsAttached) input() {}
func (Required) input()          {}
func (Drained) input()           {}
func (UpdaterState) input()      {}
func (Fitness) input()           {}
func (Terminals) input()         {}
func (ProcessFailed) input()     {}
func (HandOver) input()          {}
func (HandOverRefused) input()   {}
func (Resigned) input()          {}
func (SwitchoverWanted) input()  {}
func (StopWanted) input()        {}
