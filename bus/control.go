package bus

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/storage/position"
)

// Done is the answer to an order that returns nothing.
type Done struct{}

// ProcessState is announced by main when a process of the host starts or ends. A request sent to an incarnation
// that ended may or may not have been executed.
type ProcessState struct {
	Process     string `json:"process"`
	Incarnation uint64 `json:"incarnation"` // counts starts of this process under this main
	Up          bool   `json:"up"`
	// Killed: it was killed from outside, so its requests are not suspect.
	Killed bool `json:"killed,omitempty"`
}

// Heartbeat is what a process reports to main at each interval, and at once when its State changes.
type Heartbeat struct {
	Process string          `json:"process"`
	PID     int             `json:"pid"`
	Ready   bool            `json:"ready"`
	State   json.RawMessage `json:"state,omitempty"` // UpdaterState, TerminalState
}

// FactsRequest asks the updater for the host's durable facts.
type FactsRequest struct{}

// Facts are the durable facts that the updater found on disk when it started, with its changes since.
type Facts struct {
	Host          string            `json:"host"`
	Identity      string            `json:"identity"` // made with the data directory
	PairID        string            `json:"pair_id,omitempty"`
	Epoch         uint64            `json:"epoch"` // highest known durably
	Note          membership.Note   `json:"note"`
	RecordVersion uint64            `json:"record_version"`   // highest seen
	Record        json.RawMessage   `json:"record,omitempty"` // last pair record that was borne out; without a witness the own copy
	Position      position.Position `json:"position"`         // end of the journal
	Inconsistent  bool              `json:"inconsistent"`     // in the middle of a copy: never promotable
	Empty         bool              `json:"empty"`            // holds no update and belongs to no pair
	Restored      *Restored         `json:"restored,omitempty"`
}

// Restored names the backup that a host's data come from, until an operator has finished the restore.
type Restored struct {
	Position position.Position `json:"position"` // of the last update in it
	Time     time.Time         `json:"time"`     // of that update
	From     string            `json:"from"`     // host that it was read on
	Made     time.Time         `json:"made"`     // when, on that host's wall clock
}

// Sentence describes the state of the host and how to end it.
func (r Restored) Sentence(host string) string {
	return fmt.Sprintf("%s was restored from a backup of %s at position %s (%s UTC) and stays offline until the restore is finished: stop it, then hotpair restore finish --replaces or --as-copy",
		host, r.From, r.Position, r.Time.UTC().Format(time.DateTime))
}

// Note orders the updater to write durable facts. Zero fields stay as they are.
type Note struct {
	PairID        string           `json:"pair_id,omitempty"`
	Epoch         uint64           `json:"epoch,omitempty"`
	RecordVersion uint64           `json:"record_version,omitempty"`
	Record        json.RawMessage  `json:"record,omitempty"` // last pair record that was borne out; without a witness the own copy
	Membership    *membership.Note `json:"membership,omitempty"`
}

// Prepare orders the updater to make ready for a takeover: fence the own journal for epochs below Epoch, validate all
// that is in it into the overlay, make one durable test write.
type Prepare struct {
	Epoch   uint64            `json:"epoch"`
	AtLeast position.Position `json:"at_least"` // the highest acknowledged position this host has heard of (R1)
	Repair  bool              `json:"mend"`     // a damaged journal is given up behind the damage, and kept as divergent
}

// Prepared answers a Prepare. An error says why this host is not fit (T4); the position is set all the same.
type Prepared struct {
	Position position.Position `json:"position"`
}

// Release undoes Prepare: the role went to another. The next probe may open the journal again.
type Release struct{}

// Serve orders the updater to begin the term of Epoch or, after a restart of the updater, to continue it.
type Serve struct {
	Epoch         uint64 `json:"epoch"`
	RecordVersion uint64 `json:"record_version"`
	// Record is the pair record of that version: what a term rests on is durable before it is acted upon.
	Record json.RawMessage `json:"record,omitempty"`
	// Forced is the epoch of the last promotion by force that is known; 0 is none.
	Forced      uint64 `json:"forced,omitempty"`
	Resume      bool   `json:"resume,omitempty"` // the updater was restarted within the term
	RequirePeer bool   `json:"require_peer"`     // the in-sync set has the peer
	// TicketKey is that of this run of main, for the tickets of requests.
	TicketKey TicketKey `json:"ticket_key,omitempty"`
}

// Served answers a Serve. ErrUnreadable: a resuming updater could not read the tail of a peer in the in-sync set, so
// the term can't continue.
type Served struct {
	Position position.Position `json:"position"`
}

// Require orders which hosts must hold a frame before it is committed. With Peer it is answered when the peer holds
// everything before the frames that now wait for it, and has durably noted Membership (R4); without Peer at once.
type Require struct {
	Peer  bool   `json:"peer"`
	Epoch uint64 `json:"epoch"`
	// RecordVersion and Record are the pair record by which the host continues alone, durable before it does.
	RecordVersion uint64          `json:"record_version,omitempty"`
	Record        json.RawMessage `json:"record,omitempty"`
	Membership    membership.Note `json:"membership"`
}

// Required answers a Require. With an error, the peer fell out of step meanwhile.
type Required struct {
	Position position.Position `json:"position"`
}

// Drain orders the updater to end its term: finish the requests in flight, accept no new ones. Membership is this
// host's note for the record that the successor will write.
type Drain struct {
	Epoch      uint64           `json:"epoch"`
	Membership *membership.Note `json:"membership,omitempty"`
}

// Drained answers a Drain with the last position of the term.
type Drained struct {
	Position position.Position `json:"position"`
}

// Standby orders the updater to be a standby in Epoch. Uncommitted updates stay in the journal.
type Standby struct {
	Epoch uint64 `json:"epoch"`
}

// Progress of the other host as the active's updater drives it.
const (
	PeerAbsent     = "absent"      // no replication connection
	PeerProbe      = "probe"       // looking for the last common position
	PeerCatchingUp = "catching-up" // history is sent
	PeerReceiving  = "copying"     // the database is sent
	PeerClose      = "close"       // has all but the frames of the moment: may be added
	PeerAwaited    = "held"        // frames wait for it
	PeerRefused    = "refused"     // it can't join; Reason says why
)

// UpdaterState is the State of the updater's heartbeat.
type UpdaterState struct {
	Epoch              uint64            `json:"epoch"` // of the term it serves; 0 as standby
	Position           position.Position `json:"position"`
	Committed          position.Position `json:"committed"` // active: own; standby: highest it was told
	Applied            position.Position `json:"applied"`
	Notified           position.Position `json:"notified"`
	Peer               string            `json:"peer"`
	PeerReason         string            `json:"peer_reason,omitempty"`
	PeerPosition       position.Position `json:"peer_position"`
	PeerProgress       float64           `json:"peer_progress,omitempty"` // of a copy, 0..1
	Connection         evidence.State    `json:"connection"`              // to the peer's replication port
	OldestFrame        time.Duration     `json:"oldest_frame_ns"`         // age of the oldest frame in flight (T6)
	FramesInFlight     int               `json:"frames_in_flight"`
	OwnStuck           bool              `json:"own_stuck,omitempty"` // the frame in flight waits for the own disk
	Inconsistent       bool              `json:"inconsistent,omitempty"`
	Divergent          int               `json:"aside,omitempty"`           // divergent updates in files (R10)
	DivergentCommitted int               `json:"aside_committed,omitempty"` // of them, known to be committed
	Digest             string            `json:"digest"`                    // of the committed position, hex
	Catching           bool              `json:"catching,omitempty"`        // standby: an active is sending it history or a copy
	Note               membership.Note   `json:"note"`
	System             uint64            `json:"system,omitempty"` // rises when SystemSpace has changed; counts within a run of the updater
	Measured           *UpdaterMeasures  `json:"measured,omitempty"`
	Disk               *DiskSpace        `json:"disk,omitempty"`
	Unfit              string            `json:"unfit,omitempty"`     // why its disk would not take what a term writes
	PairTime           int64             `json:"pair_time,omitempty"` // Unix nanoseconds; 0 before the first update of a pair
	Forgotten          int64             `json:"forgotten,omitempty"` // ids of applications issued before it are forgotten
	Level              level.Level       `json:"level,omitempty"`     // that the pair is at by its history; 0 without a history
	// QueueDeferred says which queues of terminals wait because too many of their answers are kept; Reused is of what it refused since it started.
	QueueDeferred string        `json:"queue_held,omitempty"`
	Reused        NumbersReused `json:"reused,omitzero"`
	// Commands counts the unsettled fenced commands since it started.
	Commands CommandsUnsettled `json:"commands,omitzero"`
}

// CommandsUnsettled counts fenced commands whose execution is unknown, and those that were not taken in time.
type CommandsUnsettled struct {
	Unknown   uint64    `json:"unknown,omitempty"`
	UnknownAt time.Time `json:"unknown_at,omitzero"` // by the clock of the host
	Last      string    `json:"last,omitempty"`      // what the last one was
	Late      uint64    `json:"late,omitempty"`
	LateAt    time.Time `json:"late_at,omitzero"`
	LastLate  string    `json:"last_late,omitempty"`
}

// NumbersReused counts requests under a number of another request of their terminal: the agent's directory was rolled
// back or copied.
type NumbersReused struct {
	Count    uint64    `json:"count"`
	Terminal string    `json:"terminal"` // of the last one
	At       time.Time `json:"at"`       // when that was, by the clock of the host
}

// DiskSpace is the space on the disk of the data directory, in bytes.
type DiskSpace struct {
	Size uint64 `json:"size"`
	Free uint64 `json:"free"` // for this user
}

// Attach orders terminal-if to serve the terminals in an epoch (B8).
type Attach struct {
	Epoch    uint64 `json:"epoch"`
	Counter  uint64 `json:"counter"` // above every counter main has handed out in this epoch
	PairID   string `json:"pair_id"`
	Identity string `json:"identity"`
	// Resumed: only the updater was restarted within the term. Terminals that are attached in it stay so.
	Resumed bool `json:"resumed,omitempty"`
	// TicketKey is that of this run of main, for the tickets of requests.
	TicketKey TicketKey `json:"ticket_key,omitempty"`
}

// Attached answers an Attach once all warm sessions were asked.
type Attached struct {
	Attached    int           `json:"attached"`
	Refused     int           `json:"refused"`
	Unreachable int           `json:"unreachable"`
	Took        time.Duration `json:"took_ns"`
}

// Detach orders terminal-if to stop serving (B5). Sessions stay warm.
type Detach struct{}

// DrainRequests orders terminal-if to take no new requests (the agents keep them) and answers when those in flight are, or Within has passed.
type DrainRequests struct {
	Within time.Duration `json:"within_ns"`
}

// DrainService orders terminal-if to give a service no new requests (they wait for its next run) and answers when it has answered
// those it has, or Within has passed. What it has still when it goes down then is sent to the next run, and suspect of nothing:
// its end was ordered.
type DrainService struct {
	Service string        `json:"service"`
	Within  time.Duration `json:"within_ns"`
}

// AskTerminals orders terminal-if to ask all warm terminals at once whether the other host's session is fresh: see AgentFreshRequest.
type AskTerminals struct {
	Within time.Duration `json:"within_ns"`
	Look   time.Duration `json:"look_ns,omitempty"`
}

// TerminalsAsked answers an AskTerminals. A terminal that does not answer does not veto.
type TerminalsAsked struct {
	Asked  int      `json:"asked"`
	Silent int      `json:"silent,omitempty"` // those of them that did not answer in time
	Fresh  []string `json:"fresh,omitempty"`  // terminals that still see the other host
}

// TerminalState is the State of terminal-if's heartbeat.
type TerminalState struct {
	Epoch        uint64             `json:"epoch"` // attached in; 0 as standby
	Attached     int                `json:"attached"`
	Warm         int                `json:"warm"`
	Unreachable  int                `json:"unreachable"`
	InFlight     int                `json:"in_flight"`
	HighestEpoch uint64             `json:"highest_epoch"` // any terminal knows; an alarm when above ours
	MostEpoch    uint64             `json:"most_epoch"`    // that more than half of those reached have accepted
	Terminals    []TerminalStatus   `json:"terminals,omitempty"`
	LastGap      time.Duration      `json:"last_gap_ns,omitempty"` // longest gap that a terminal felt at the last attach
	Unaudited    int                `json:"unaudited,omitempty"`   // attached ones whose receipts no audit has asked for since
	Measured     TerminalMeasures   `json:"measured"`
	Timers       outbox.TimerState  `json:"timers,omitzero"`
	Notices      outbox.NoticeState `json:"notices,omitzero"`
	// Directories are those of agents that were not what they were, since it started.
	Directories DirectoriesSeen `json:"directories,omitzero"`
}

// DirectoriesSeen names terminals whose agent has a directory with another identity than before.
type DirectoriesSeen struct {
	Renewed uint64 `json:"renewed,omitempty"` // agents that were set up anew
	Last    string `json:"last,omitempty"`    // terminal of the last one
	// Twice is a terminal of which two directories come by turns, seen last at TwiceAt.
	Twice   string    `json:"twice,omitempty"`
	TwiceAt time.Time `json:"twice_at,omitzero"` // by the clock of the host
}

// TerminalStatus is one terminal as the host sees it.
type TerminalStatus struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	State   string `json:"state"` // attached, warm, unreachable, refused
	Reason  string `json:"reason,omitempty"`
}

// HistoryRequest asks the updater for a page of the update history.
type HistoryRequest struct {
	From    uint64 `json:"from"`              // sequence to begin with; 0: the last ones
	Limit   int    `json:"limit"`             // how many
	Key     string `json:"key,omitempty"`     // only updates of this key, as it is shown
	Service string `json:"service,omitempty"` // only updates of this service
	Before  uint64 `json:"before,omitempty"`  // without from: the last ones before this sequence
}

// HistoryPage answers a HistoryRequest.
type HistoryPage struct {
	Updates []HistoryUpdate `json:"updates"`
	First   uint64          `json:"first"` // oldest sequence still kept
	Last    uint64          `json:"last"`
	// With Key, a page ends when enough was looked at: Next is the sequence to go on from, Prior the one to look before.
	// 0: there is no more.
	Next  uint64 `json:"next,omitempty"`
	Prior uint64 `json:"prior,omitempty"`
}

// HistoryUpdate is one update with its state.
type HistoryUpdate struct {
	Position position.Position `json:"position"`
	Time     time.Time         `json:"time"`
	Kind     string            `json:"kind"` // update, began
	Host     string            `json:"host,omitempty"`
	Service  string            `json:"service,omitempty"`
	Request  string            `json:"request,omitempty"` // terminal/id
	Keys     []string          `json:"keys,omitempty"`
	Notified bool              `json:"notified"`
	Digest   string            `json:"digest"`
}

// Examine asks the updater whether its disk is fit for a term: it times a durable write and inspects its files.
type Examine struct{}

// Examined answers an Examine. With an error the disk accepts no writes; the other fields are set all the same.
type Examined struct {
	Sync      time.Duration `json:"sync_ns"`            // one small write made durable: the median of a few
	Unfit     string        `json:"unfit,omitempty"`    // why the disk would not take what a term writes; empty when it would
	Problems  []string      `json:"problems,omitempty"` // of files and directories, sentences
	Free      uint64        `json:"free"`               // bytes on the disk of the data directory
	Needed    uint64        `json:"needed"`             // least that a host must have free to be fit
	PairTime  int64         `json:"pair_time"`          // as in UpdaterState
	Forgotten int64         `json:"forgotten"`
}

// BackupOrder asks for the next piece of a backup; without a Session it begins one. A backup ends when it is not asked
// for, or by Abandon.
type BackupOrder struct {
	Session string `json:"session,omitempty"`
	Piece   uint64 `json:"piece,omitempty"` // counts from 0
	Abandon bool   `json:"abandon,omitempty"`
}

// BackupPage answers a BackupOrder with the next bytes of the file; Last says that these are the last.
type BackupPage struct {
	Session  string            `json:"session,omitempty"`
	Bytes    []byte            `json:"bytes,omitempty"`
	Last     bool              `json:"last,omitempty"`
	Size     int64             `json:"size,omitempty"` // about, in bytes; with the first piece
	Done     float64           `json:"done"`
	Position position.Position `json:"position"` // that the backup holds, with the last piece
}

// LevelsRequest asks the updater of the active for the pair's level. With Rise the level first rises, permanently, to
// the newest that both hosts support.
type LevelsRequest struct {
	Rise bool `json:"rise,omitempty"`
}

// Levels is the level of a pair and the one it can rise to.
type Levels struct {
	// Level is what the pair is at.
	Level      level.Level `json:"level"`
	Host       string      `json:"host"`        // that serves
	Levels     level.Range `json:"levels"`      // that its program knows
	Peer       string      `json:"peer"`        // name of the other host
	PeerLevels level.Range `json:"peer_levels"` // that its program knows; zero while that is not known
	// Next is what it can rise to; Level when there is nothing above that both know.
	Next level.Level `json:"next"`
	// Hindered says why it can't rise now.
	Hindered string `json:"hindered,omitempty"`
	// Rose says that this call has raised it.
	Rose bool `json:"rose,omitempty"`
}
