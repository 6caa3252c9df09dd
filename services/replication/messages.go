package replication

import (
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/position"
)

// Calls that the sender makes to the receiver, on bus.ReplicationCall(receiver, call).
const (
	callHello     = "hello"      // helloRequest → helloReply, JSON
	callDigests   = "digests"    // digestsRequest → digestsReply
	callEntries   = "entries"    // entriesRequest → entriesReply
	callCut       = "cut"        // placeRequest → placeReply
	callOpen      = "open"       // placeRequest → placeReply
	callNote      = "note"       // noteRequest → placeReply
	callCommitted = "committed"  // committedRequest → placeReply
	callCopyBegin = "copy-begin" // copyBeginRequest → copyReply
	callCopyRange = "copy-range" // copyRangeRequest → copyReply
	callCopyEnd   = "copy-end"   // copyEndRequest → copyReply
)

// refusal is how an error crosses the wire: a code that is a sentinel on both sides, and a sentence.
type refusal struct {
	Code string `cbor:"1,keyasint,omitempty" json:"code,omitempty"`
	Text string `cbor:"2,keyasint,omitempty" json:"error,omitempty"`
	// Epoch is the higher one that is known, with ErrStale.
	Epoch uint64 `cbor:"3,keyasint,omitempty" json:"known_epoch,omitempty"`
}

// codeOf and its inverse pair codes with sentinels.
func codes() map[string]error {
	return map[string]error{
		"foreign":    ErrForeign,
		"stale":      ErrStale,
		"not-now":    ErrNotNow,
		"not-common": ErrNotCommon,
		"session":    ErrSession,
		"fenced":     journal.ErrFenced,
		"full":       journal.ErrFull,
		"version":    bus.ErrVersion,
		"malformed":  bus.ErrMalformed,
		"order":      storage.ErrOrder,
		"copying":    storage.ErrCopying,
	}
}

// refuse makes the refusal of an error.
func refuse(err error) refusal {
	r := refusal{Code: "failed", Text: err.Error()}
	for code, sentinel := range codes() {
		if errors.Is(err, sentinel) {
			r.Code = code
		}
	}
	var stale *staleError
	if errors.As(err, &stale) {
		r.Epoch = stale.known
	}
	return r
}

// staleError is ErrStale with the epoch.
type staleError struct{ known uint64 }

func (e *staleError) Error() string { return fmt.Sprintf("%v: %d", ErrStale, e.known) }
func (e *staleError) Unwrap() error { return ErrStale }

// errRemote says that the other side failed in a way that has no code.
var errRemote = errors.New("the other host failed")

// err is the inverse of refuse; nil when nothing was refused.
func (r refusal) err() error {
	if r.Code == "" {
		return nil
	}
	if r.Code == "stale" {
		return fmt.Errorf("%w (the other host says: %s)", &staleError{known: r.Epoch}, r.Text)
	}
	sentinel, known := codes()[r.Code]
	if !known {
		sentinel = errRemote
	}
	return fmt.Errorf("%w (the other host says: %s)", sentinel, r.Text)
}

// answer is what every reply can say.
type answer interface{ refused() error }

func (r *helloReply) refused() error   { return r.Refused.err() }
func (r *digestsReply) refused() error { return r.Refused.err() }
func (r *entriesReply) refused() error { return r.Refused.err() }
func (r *placeReply) refused() error   { return r.Refused.err() }
func (r *copyReply) refused() error    { return r.Refused.err() }

// helloRequest begins a probe. It is JSON, with the version as a field, so that programs of any version can read it.
type helloRequest struct {
	Version   int               `json:"version"`
	Host      string            `json:"host"`
	Identity  string            `json:"identity"`
	To        string            `json:"to"` // whom the sender takes the receiver for
	PairID    string            `json:"pair_id"`
	Term      journal.Term      `json:"term"`
	Committed position.Position `json:"committed"`
}

// helloReply is what the receiver holds, once its journal is fenced for the term.
type helloReply struct {
	Refused  refusal `json:"refused,omitzero"`
	Version  int     `json:"version"`
	Host     string  `json:"host"`
	Identity string  `json:"identity"`
	PairID   string  `json:"pair_id"`
	// End of its journal, Stored of its database with what is committed in memory, Applied of bolt.
	End     storage.Mark `json:"end"`
	Stored  storage.Mark `json:"stored"`
	Applied storage.Mark `json:"applied"`
	// First is the lowest sequence whose entry it has; the digest before it is known too.
	First uint64 `json:"first"`
	// Broken says why its journal does not go on beyond End.
	Broken string `json:"broken,omitempty"`
	// Inconsistent: in the middle of a copy. Copy is how far it is, nil when none was begun or none is known.
	Inconsistent bool       `json:"inconsistent,omitempty"`
	Copy         *copyPlace `json:"copy,omitempty"`
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

// copyPlace is how far a copy is.
type copyPlace struct {
	Base   storage.Mark `json:"base" cbor:"1,keyasint"`
	Cursor []byte       `json:"cursor,omitempty" cbor:"2,keyasint,omitempty"`
	Done   bool         `json:"done,omitempty" cbor:"3,keyasint,omitempty"`
	Bytes  uint64       `json:"bytes,omitempty" cbor:"4,keyasint,omitempty"`
}

type digestsRequest struct {
	Term      journal.Term `cbor:"1,keyasint"`
	Sequences []uint64     `cbor:"2,keyasint"`
}

type digestsReply struct {
	Refused refusal `cbor:"1,keyasint,omitzero"`
	// Digests are those of the sequences asked for, in order; a zero one with a sequence above 0 is not known.
	Digests []storage.Digest `cbor:"2,keyasint"`
}

// entriesRequest asks for entries above a sequence, about MaxBytes of them.
type entriesRequest struct {
	Term     journal.Term `cbor:"1,keyasint"`
	After    uint64       `cbor:"2,keyasint"`
	MaxBytes int          `cbor:"3,keyasint"`
}

type entriesReply struct {
	Refused refusal  `cbor:"1,keyasint,omitzero"`
	Entries [][]byte `cbor:"2,keyasint"`
}

// placeRequest names a place in the history that both have. The receiver knows its epoch.
type placeRequest struct {
	Term     journal.Term   `cbor:"1,keyasint"`
	Sequence uint64         `cbor:"2,keyasint"`
	Digest   storage.Digest `cbor:"3,keyasint"`
}

// placeReply says where the receiver ends.
type placeReply struct {
	Refused     refusal              `cbor:"1,keyasint,omitzero"`
	End         storage.Mark         `cbor:"2,keyasint"`
	Applied     storage.Mark         `cbor:"3,keyasint"`
	Credentials *journal.Credentials `cbor:"4,keyasint,omitempty"` // of an open
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

type copyBeginRequest struct {
	Term journal.Term `cbor:"1,keyasint"`
	Base storage.Mark `cbor:"2,keyasint"`
	// Common is the last sequence that both are known to have in common: what lies beyond it is set aside.
	Common uint64 `cbor:"3,keyasint"`
}

type copyRangeRequest struct {
	Term  journal.Term `cbor:"1,keyasint"`
	Range []byte       `cbor:"2,keyasint"`
}

type copyEndRequest struct {
	Term journal.Term `cbor:"1,keyasint"`
}

type copyReply struct {
	Refused refusal      `cbor:"1,keyasint,omitzero"`
	Place   copyPlace    `cbor:"2,keyasint"`
	End     storage.Mark `cbor:"3,keyasint"`
}
