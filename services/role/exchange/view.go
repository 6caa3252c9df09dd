package exchange

import (
	"time"

	"github.com/hotpair/hotpair/services/role/record"
	"github.com/hotpair/hotpair/storage/position"
)

// View is the machine's state, for beats and for the operator.
type View struct {
	Steps     uint64 // inputs taken so far
	Role      Role
	Since     time.Duration
	Mode      Mode
	Waiting   string // why this host may not serve, and for whom it waits
	Self      record.Member
	Epoch     uint64 // of the term held; 0 when none
	Known     uint64 // highest epoch known
	Record    record.Record
	Revision  uint64
	HasRecord bool
	WitnessID string
	Witness   bool // it answered the last read
	Fresh     bool
	Fit       Fitness
	Stopping  bool
	Resigned  bool
	Peer      PeerView
	HasPeer   bool
	HeardAt   time.Duration
	Lives     bool // the other main answers
	Refusal   string
	Foreign   string
	MadeUp    bool   // Foreign is about a record that no pair can have come to
	Lost      string // how the register has lost the record, and what helps
	Seen      uint64 // highest version of the record seen
	Reads     bool   // the last read of it succeeded
	Pending   bool   // a change of it is outstanding
	PairID    string // of this host, whether the record is known or not
	Serving   bool
	Unserved  bool              // the record gives this host an epoch in which it has not served, without a witness
	Committed position.Position // highest acknowledged position heard of
	AddWait   time.Duration
	ModeSince time.Duration
	ReadAt    time.Duration // last time the record was read; 0 is never
	// PausedUntil is when automatic takeover and hand-over are on again; 0: they are. Deferred is what would have been done
	// already without the pause.
	PausedUntil     time.Duration
	Deferred        string
	WitnessReplaced bool
	Pausing         bool // a wish for a pause, or for the end of one, is not yet in the record
}
