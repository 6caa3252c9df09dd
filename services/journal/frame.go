package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc64"

	"github.com/fxamacker/cbor/v2"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

const (
	// MaxFrame bounds an encoded frame, in bytes: half of what a NATS message may carry.
	MaxFrame = 4 << 20
	// messageVersion is the leading byte of every journal message.
	messageVersion = 1
	// sumSize is the length of the trailing checksum. It is a CRC-64, because it has to find damage, not malice: who may
	// append is decided by the journal's users, and the entries of a frame are chained by SHA-256 all the same. It costs
	// a fifth of a second SHA-256 where the processor has no instructions for that.
	sumSize = crc64.Size
)

// Message is one message of a journal: exactly one field is set.
type Message struct {
	Frame      *Frame      `cbor:"1,keyasint,omitempty"`
	Fence      *Fence      `cbor:"2,keyasint,omitempty"`
	Truncation *Truncation `cbor:"3,keyasint,omitempty"`
}

// Term names a writer: an epoch, which belongs to one host, and the number of a replication session of that host, which
// is never used again. Terms are ordered by epoch, then by session.
type Term struct {
	Epoch   uint64 `cbor:"1,keyasint" json:"epoch"`
	Session uint64 `cbor:"2,keyasint" json:"session"`
}

// Before orders terms.
func (t Term) Before(u Term) bool {
	return t.Epoch < u.Epoch || t.Epoch == u.Epoch && t.Session < u.Session
}

// String returns "epoch.session", for logs and user names.
func (t Term) String() string { return fmt.Sprintf("%d.%d", t.Epoch, t.Session) }

// Frame is a run of updates of one epoch, as one group commit or one piece of history. Its entries are the bytes by which
// they are stored, never encoded again.
type Frame struct {
	// Term of the sender. While history is sent its epoch is above that of the entries.
	Term Term `cbor:"1,keyasint"`
	// First and Last are the positions of the first and last entry; they have one epoch.
	First position.Position `cbor:"2,keyasint"`
	Last  position.Position `cbor:"3,keyasint"`
	// Previous is the digest of all before First.
	Previous history.Digest `cbor:"4,keyasint"`
	// Committed is the highest committed position that the sender knew when it made the frame.
	Committed position.Position `cbor:"5,keyasint"`
	Entries   [][]byte          `cbor:"6,keyasint"`
}

// NewFrame makes the frame of entries, which must not be empty, follow each other from previous on, and have one epoch.
func NewFrame(term Term, previous history.Digest, entries []history.Stored, committed position.Position) *Frame {
	f := &Frame{
		Term:      term,
		First:     entries[0].Entry.Position,
		Last:      entries[len(entries)-1].Entry.Position,
		Previous:  previous,
		Committed: committed,
		Entries:   make([][]byte, len(entries)),
	}
	for i := range entries {
		f.Entries[i] = entries[i].Raw
	}
	return f
}

// SameEpoch counts the leading entries of one epoch, which is what a frame may hold. entries must not be empty.
func SameEpoch(entries []history.Stored) int {
	n := 1
	for n < len(entries) && entries[n].Entry.Position.Epoch == entries[0].Entry.Position.Epoch {
		n++
	}
	return n
}

// Fence is a marker from which on only frames of its term or a later one count; those of an earlier term are void
// wherever they follow it. The latest fence counts, also when it is lower than the previous one: a takeover that did
// not happen is undone by the fence of the next probe.
type Fence struct {
	Term Term   `cbor:"1,keyasint"`
	Host string `cbor:"2,keyasint"` // that serves, or is about to serve, the epoch
}

// Truncation says that entries before it which lie beyond End are void. It is the durable drop of a tail: nothing is ever
// deleted from a journal's end, because JetStream's deletions may come back after a crash.
type Truncation struct {
	Term Term         `cbor:"1,keyasint"`
	End  history.Mark `cbor:"2,keyasint"`
}

// sumTable is read only.
var sumTable = crc64.MakeTable(crc64.ECMA)

// Encode gives the bytes of a message: a version byte, CBOR, and the checksum of both. The error is ErrTooLarge.
func Encode(m Message) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("encode journal message: %w", err)
	}
	body, err := cbor.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode journal message: %w", err)
	}
	raw := make([]byte, 0, 1+len(body)+sumSize)
	raw = append(raw, messageVersion)
	raw = append(raw, body...)
	raw = binary.BigEndian.AppendUint64(raw, crc64.Checksum(raw, sumTable))
	if len(raw) > MaxFrame {
		return nil, fmt.Errorf("encode journal message: %w: %d bytes, at most %d", ErrTooLarge, len(raw), MaxFrame)
	}
	return raw, nil
}

// Decode decodes the output of Encode. It never panics, and keeps no part of raw. The error is ErrVersion or
// ErrMalformed.
func Decode(raw []byte) (Message, error) {
	var m Message
	switch {
	case len(raw) < 1+sumSize || len(raw) > MaxFrame:
		return m, fmt.Errorf("%w: %d bytes", ErrMalformed, len(raw))
	case raw[0] != messageVersion:
		return m, fmt.Errorf("%w: %d, this program knows %d", ErrVersion, raw[0], messageVersion)
	}
	body, sum := raw[:len(raw)-sumSize], raw[len(raw)-sumSize:]
	if crc64.Checksum(body, sumTable) != binary.BigEndian.Uint64(sum) {
		return m, fmt.Errorf("%w: its checksum is wrong", ErrMalformed)
	}
	if err := cbor.Unmarshal(body[1:], &m); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := m.check(); err != nil {
		return Message{}, err
	}
	return m, nil
}

// check refuses a message that says nothing, two things, or something that can't be.
func (m *Message) check() error {
	set := 0
	for _, is := range []bool{m.Frame != nil, m.Fence != nil, m.Truncation != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("%w: %d kinds in one message", ErrMalformed, set)
	}
	f := m.Frame
	switch {
	case f == nil:
		return nil
	case f.First.Epoch != f.Last.Epoch:
		return fmt.Errorf("%w: frame spans epochs %d and %d", ErrMalformed, f.First.Epoch, f.Last.Epoch)
	case f.First.Sequence == 0 || f.Last.Sequence < f.First.Sequence || f.Last.Sequence-f.First.Sequence != uint64(len(f.Entries)-1):
		return fmt.Errorf("%w: frame %v to %v of %d entries", ErrMalformed, f.First, f.Last, len(f.Entries))
	case f.Term.Epoch < f.Last.Epoch:
		return fmt.Errorf("%w: frame of term %v with entries of epoch %d", ErrMalformed, f.Term, f.Last.Epoch)
	}
	return nil
}
