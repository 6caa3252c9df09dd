package role

import (
	"time"

	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/role/restraint"
	"github.com/hotpair/hotpair/storage/position"
)

// state is what belongs to the role of the moment. It is replaced as a whole when the role changes, so that nothing of an
// earlier role is left standing.
type state struct {
	role     Role
	since    time.Duration
	takeover takeover // of a host in Takeover
	term     term     // of one in Active and Handover, which carries it on
	handover handover // of one in Handover
}

// takeover is the way from standby to active. Fence and validation come first, then the compare-and-set: an unfit host
// never takes the role from a good one (T4).
type takeover struct {
	cause    string
	epoch    uint64
	revision uint64 // under which the evidence was seen; the compare-and-set expects it
	over     Record // what stands under it
	lost     bool   // forced over a register that has lost the record
	keepPeer bool   // the old active has confirmed that it stopped (B6), so both stay in the set
	serial   uint64 // of Prepare
	prepared bool
	unfit    string
	askID    uint64 // of AskTerminals; 0 when none is awaited
	polled   int    // terminals that could be asked
	mute     int    // those of them that did not answer
	veto     []string
	asked    time.Duration // when the terminals were asked last
	handed   bool
	served   bool // this host did until now
	forced   bool // an operator accepts that acknowledged updates are lost
}

// term is what an active knows of the epoch that it holds.
type term struct {
	epoch       uint64 // 0: none is held
	serving     bool   // the updater serves it
	since       time.Duration
	leaseUntil  time.Duration
	repliedAt   time.Duration // send time of the last own beat that was answered
	soloUntil   time.Duration
	requirePeer bool
	add         add
	partnerOf   uint64        // incarnation of the standby that is in the set
	noTerminals time.Duration // since when no terminal is reached
	unseenSince time.Duration // since when nobody sees it, without a witness
	untold      bool          // the record says solo, and the other host may not know yet, without a witness
	dropping    string        // why the standby is to leave the set, once reported
}

// add is the way of the other host into the set (R4).
type add struct {
	serial  uint64 // of Require
	noted   bool   // the peer holds everything, frames wait for it, and it has noted so
	version uint64
}

func (a add) begun() bool { return a.serial != 0 }

// handover is the way from active to standby: planned switchover, faulty host and clean stop are one procedure.
type handover struct {
	cause     string
	serial    uint64
	undrained bool            // the own disk is stuck or the updater gone: only the rights end, and this host leaves the set
	note      membership.Note // of this host for the successor's record
	drained   bool
	position  position.Position
	deadline  time.Duration
}

// outliving is what holds beyond the role in which it began, on purpose.
type outliving struct {
	// promisedUntil: a promise binds whatever the host has become since (V4, V7).
	promisedUntil time.Duration
	// retryAfter is when a host that was unfit, or failed, may take over again; being active in between, by a hand-over, does
	// not make it fitter. abandoned counts takeovers that came to nothing in the situation tried; when that has changed the wait ends
	// at retryFirst.
	retryAfter, retryFirst time.Duration
	abandoned              int
	tried                  situation
	// readd: a standby that breaks the pair again and again waits longer each time, in the next term too (T7).
	readd restraint.Backoff
	// handedOver: one cause leads to one hand-over only, in whatever term (T2, T5).
	handedOver restraint.Causes
	// wish is a pause that is to be written to the record. It outlives a takeover by which the active itself takes the next
	// epoch, because its updater could not resume the term.
	wish *Pause
}

// thisHost is what is known of this host: what is durable, and what its processes say.
type thisHost struct {
	facts     FactsRead
	haveFacts bool
	fit       Fitness
	updater   UpdaterState
	terminals Terminals
	fresh     bool // this main has not known a living term yet
	stopping  bool
	stopSince time.Duration
	resigned  bool
	damaged   bool // its journal was, when it was to be prepared last: nobody knows what stood behind that
	// unprepared is why it could not be prepared then; "" when it could. It is for people, who see nothing else of a host that tries
	// again and again.
	unprepared string
}

// otherHost is what is known of the other host, whatever role either has.
type otherHost struct {
	peer         PeerView
	havePeer     bool
	evidence     PeerEvidence
	holder       uint64 // incarnation that was seen holding the record's epoch
	holderEpoch  uint64
	heardAt      time.Duration     // last beat or reply of the other main; the time for which this one was stalled moves it on
	toldAt       time.Duration     // likewise, and nothing moves it on
	heardActive  time.Duration     // last beat of an active
	heardCommit  position.Position // highest position that it has called acknowledged
	viewAt       time.Duration     // the other main said what is known of it after this
	apart        time.Duration     // since when it may have gone on alone unheard, without a witness; 0: it can't have
	refusal      string
	peerResigned bool
	otherLease   time.Duration // of the other host, as last told; 0 when it is this one's
}

// pairRecord is the record as last known, the register that keeps it, and what is being written to it.
type pairRecord struct {
	record      Record
	revision    uint64
	haveRecord  bool
	register    register
	witnessID   string
	readFailed  bool
	reading     bool
	readAgain   bool // what is asked for now is not enough: ask once more
	reads       int  // that are not answered yet
	readAt      time.Duration
	readOK      time.Duration // the same, of one that succeeded
	foreign     string        // why the register does not fit this host (V12)
	madeUp      bool          // because no pair can have come to what it shows
	attempt     attempt
	calmUntil   time.Duration // no new attempt before: the last one could not be made
	wall        time.Time     // of this host at wallAt
	wallAt      time.Duration
	pausedUntil time.Duration // automatic takeover and hand-over are held back; 0 when not
	deferred    string        // what the pause has held back, once reported
}

// attempt is the one compare-and-set that may be outstanding.
type attempt struct {
	ticket   uint64
	purpose  purpose
	record   Record
	expected uint64
	over     Record        // what stands under that revision
	doubt    bool          // an outcome was unknown: it may have taken effect, or may still (R11)
	waiting  bool          // an outcome is awaited; otherwise retry at retryAt
	after    bool          // every answer to a read that comes now is to one that was sent after the attempt
	retryAt  time.Duration // when to try again
}

// open reports whether there is one.
func (a *attempt) open() bool { return a.purpose != none }

type purpose int

const (
	none purpose = iota
	firstRecord
	takeEpoch
	goSolo
	addPeer
	reassert
	setPause
	moveWitness
)

// situation is what a takeover that came to nothing rested on.
type situation struct {
	revision   uint64
	readFailed bool
	evidence   PeerEvidence
	fit        bool
	updater    bool // it is there
}
