package replication

import (
	"crypto/sha256"
	"errors"

	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/position"
)

// MaxFrame bounds an encoded frame, in bytes: half of what a NATS message may carry.
const MaxFrame = 4 << 20

// messageVersion is the leading byte of every journal message.
const messageVersion = 1

// sumSize is the length of the trailing checksum.
const sumSize = sha256.Size

var errStub = errors.New("not built yet")

// Message is one message of a journal: exactly one field is set.
type Message struct {
	Frame *Frame `cbor:"1,keyasint,omitempty"`
	Fence *Fence `cbor:"2,keyasint,omitempty"`
	Cut   *Cut   `cbor:"3,keyasint,omitempty"`
}

// Term names who writes: an epoch, which belongs to one host, and a number of a replication session of that host, which
// is never used again. Terms are ordered by epoch, then by session.
type Term struct {
	Epoch   uint64 `cbor:"1,keyasint" json:"epoch"`
	Session uint64 `cbor:"2,keyasint" json:"session"`
}

// Before orders terms.
func (t Term) Before(u Term) bool {
	return t.Epoch < u.Epoch || t.Epoch == u.Epoch && t.Session < u.Session
}

// Frame is a run of updates of one epoch, as one group commit or one piece of history. Its entries are the bytes by which
// they are stored, never encoded again.
type Frame struct {
	// Term of the sender. While history is sent its epoch is above that of the entries.
	Term Term `cbor:"1,keyasint"`
	// First and Last are the positions of the first and last entry; they have one epoch.
	First position.Position `cbor:"2,keyasint"`
	Last  position.Position `cbor:"3,keyasint"`
	// Previous is the digest of all before First.
	Previous storage.Digest `cbor:"4,keyasint"`
	// Committed is the highest committed position that the sender knew when it made the frame.
	Committed position.Position `cbor:"5,keyasint"`
	// Time is the pair time at which it was made, in Unix nanoseconds.
	Time    int64    `cbor:"6,keyasint,omitempty"`
	Entries [][]byte `cbor:"7,keyasint"`
}

// NewFrame makes the frame of entries, which follow each other and have one epoch.
func NewFrame(term Term, entries []storage.Stored, previous storage.Digest, committed position.Position, time int64) *Frame {
	return nil
}

// Fence says that from here on only frames of its term or a later one count; those of an earlier one are void wherever
// they stand behind it. The latest fence rules, also when it is lower than the one before: a takeover that did not
// happen is undone by the fence of the next probe.
type Fence struct {
	Term Term   `cbor:"1,keyasint"`
	Host string `cbor:"2,keyasint"` // that serves, or is about to serve, the epoch
}

// Cut says that entries before it which lie beyond End are void. It is the durable drop of a tail: nothing is ever
// deleted from a journal's end, because JetStream's deletions may come back after a crash.
type Cut struct {
	Term Term         `cbor:"1,keyasint"`
	End  storage.Mark `cbor:"2,keyasint"`
}

// Encode gives the bytes of a message: a version byte, CBOR, and the checksum of both. The error is ErrTooLarge.
func Encode(m Message) ([]byte, error) { return nil, errStub }

// Decode reads what Encode wrote. It never panics. The entries of a frame share memory with raw. The error is ErrVersion
// or ErrMalformed.
func Decode(raw []byte) (Message, error) { return Message{}, errStub }
