package replication

import (
	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// Calls that the sender makes to the receiver of a host.
func callHello(host string) bus.Endpoint[helloRequest, helloReply] {
	return bus.Call[helloRequest, helloReply](bus.ReplicationCall(host, "hello"))
}

func callDigests(host string) bus.Endpoint[digestsRequest, digestsReply] {
	return bus.BinaryCall[digestsRequest, digestsReply](bus.ReplicationCall(host, "digests"))
}

func callEntries(host string) bus.Endpoint[entriesRequest, entriesReply] {
	return bus.BinaryCall[entriesRequest, entriesReply](bus.ReplicationCall(host, "entries"))
}

func callTruncate(host string) bus.Endpoint[placeRequest, placeReply] {
	return bus.BinaryCall[placeRequest, placeReply](bus.ReplicationCall(host, "cut"))
}

func callOpen(host string) bus.Endpoint[placeRequest, openReply] {
	return bus.BinaryCall[placeRequest, openReply](bus.ReplicationCall(host, "open"))
}

func callNote(host string) bus.Endpoint[noteRequest, placeReply] {
	return bus.BinaryCall[noteRequest, placeReply](bus.ReplicationCall(host, "note"))
}

func callCommitted(host string) bus.Endpoint[committedRequest, placeReply] {
	return bus.BinaryCall[committedRequest, placeReply](bus.ReplicationCall(host, "committed"))
}

func callSnapshotBegin(host string) bus.Endpoint[snapshotBeginRequest, snapshotReply] {
	return bus.BinaryCall[snapshotBeginRequest, snapshotReply](bus.ReplicationCall(host, "copy-begin"))
}

func callSnapshotRange(host string) bus.Endpoint[snapshotRangeRequest, snapshotReply] {
	return bus.BinaryCall[snapshotRangeRequest, snapshotReply](bus.ReplicationCall(host, "copy-range"))
}

func callSnapshotEnd(host string) bus.Endpoint[snapshotEndRequest, snapshotReply] {
	return bus.BinaryCall[snapshotEndRequest, snapshotReply](bus.ReplicationCall(host, "copy-end"))
}

// helloRequest begins a probe. It is JSON, which programs of any level can read: what they don't know they skip.
type helloRequest struct {
	Levels    level.Range       `json:"levels"`          // that the sender knows
	Level     level.Level       `json:"level,omitempty"` // that its data are at
	Host      string            `json:"host"`
	Identity  string            `json:"identity"`
	To        string            `json:"to"` // whom the sender takes the receiver for
	PairID    string            `json:"pair_id"`
	Term      journal.Term      `json:"term"`
	Committed position.Position `json:"committed"`
}

// helloReply is what the receiver holds, once its journal is fenced for the term. Beside an error it has only its
// identity and which epoch it knows.
type helloReply struct {
	Levels   level.Range `json:"levels"`          // that the receiver knows
	Level    level.Level `json:"level,omitempty"` // that its data are at
	Host     string      `json:"host"`
	Identity string      `json:"identity"`
	PairID   string      `json:"pair_id"`
	// Epoch is the highest that it knows.
	Epoch uint64 `json:"known_epoch"`
	// Fence is the term for which its journal is fenced: a session of that epoch must be above it.
	Fence journal.Term `json:"fence,omitzero"`
	// End of its journal, Stored of its database with what is committed in memory, Applied of bolt.
	End     history.Mark `json:"end"`
	Stored  history.Mark `json:"stored"`
	Applied history.Mark `json:"applied"`
	// First is the lowest sequence whose entry it has; the digest before it is known too.
	First uint64 `json:"first"`
	// Broken says why messages of its journal beyond End do not chain.
	Broken string `json:"broken,omitempty"`
	// Inconsistent: in the middle of a copy. Snapshot is how far it is, nil when none was begun or none is known.
	Inconsistent bool           `json:"inconsistent,omitempty"`
	Snapshot     *snapshotPlace `json:"copy,omitempty"`
	// Epochs are the latest epoch starts that it knows, oldest first.
	Epochs []epochStart `json:"epochs,omitempty"`
}

// epochStart is what must agree for two hosts to have an epoch in common.
type epochStart struct {
	Epoch    uint64 `json:"epoch"`
	Sequence uint64 `json:"sequence"`
	Identity string `json:"identity"`
}

// maxEpochs bounds the epoch starts in a hello.
const maxEpochs = 1024

// snapshotPlace is how far a copy is.
type snapshotPlace struct {
	Base   history.Mark `json:"base" cbor:"1,keyasint"`
	Cursor []byte       `json:"cursor,omitempty" cbor:"2,keyasint,omitempty"`
	Done   bool         `json:"done,omitempty" cbor:"3,keyasint,omitempty"`
	Bytes  uint64       `json:"bytes,omitempty" cbor:"4,keyasint,omitempty"`
}

type digestsRequest struct {
	Term      journal.Term `cbor:"1,keyasint"`
	Sequences []uint64     `cbor:"2,keyasint"`
}

type digestsReply struct {
	// Digests are those of the sequences asked for, in order; a zero one with a sequence above 0 is not known.
	Digests []history.Digest `cbor:"2,keyasint"`
}

// entriesRequest asks for entries above a sequence, about MaxBytes of them.
type entriesRequest struct {
	Term     journal.Term `cbor:"1,keyasint"`
	After    uint64       `cbor:"2,keyasint"`
	MaxBytes int          `cbor:"3,keyasint"`
}

type entriesReply struct {
	Entries [][]byte `cbor:"2,keyasint"`
}

// placeRequest names a place in the history that both have. The receiver knows its epoch.
type placeRequest struct {
	Term     journal.Term   `cbor:"1,keyasint"`
	Sequence uint64         `cbor:"2,keyasint"`
	Digest   history.Digest `cbor:"3,keyasint"`
}

// placeReply says where the receiver ends.
type placeReply struct {
	End     history.Mark `cbor:"2,keyasint"`
	Applied history.Mark `cbor:"3,keyasint"`
}

// openReply lets the sender append at the end that was asked for. Beside ErrStale it tells the epoch that is known.
type openReply struct {
	placeReply
	Credentials journal.Credentials `cbor:"4,keyasint"`
	Epoch       uint64              `cbor:"5,keyasint,omitempty"`
}

type noteRequest struct {
	Term       journal.Term    `cbor:"1,keyasint"`
	UpTo       uint64          `cbor:"2,keyasint"` // it must hold everything up to this sequence
	Membership membership.Note `cbor:"3,keyasint"`
}

type committedRequest struct {
	Term      journal.Term      `cbor:"1,keyasint"`
	Committed position.Position `cbor:"2,keyasint"`
}

type snapshotBeginRequest struct {
	Term journal.Term `cbor:"1,keyasint"`
	Base history.Mark `cbor:"2,keyasint"`
	// Common is the last sequence that both are known to have in common: what lies beyond it is kept as divergent.
	Common uint64 `cbor:"3,keyasint"`
}

type snapshotRangeRequest struct {
	Term  journal.Term `cbor:"1,keyasint"`
	Range []byte       `cbor:"2,keyasint"`
}

type snapshotEndRequest struct {
	Term journal.Term `cbor:"1,keyasint"`
}

type snapshotReply struct {
	Place snapshotPlace `cbor:"2,keyasint"`
	End   history.Mark  `cbor:"3,keyasint"`
}
