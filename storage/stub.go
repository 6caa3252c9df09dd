package storage

import (
	"context"
	"errors"

	"github.com/hotpair/hotpair/storage/position"
)

var errStub = errors.New("not built yet")

// Store is the database, its update history, recorded answers and the overlay of committed entries not yet applied.
// Its methods may be called by any number of goroutines.
type Store struct{}

// Open opens or creates the store in dir. It takes the directory's file lock first. The error is ErrLocked,
// ErrForeign, ErrDamaged or ErrVersion, each naming the file and the remedy.
func Open(dir string, o Options) (*Store, error) { return nil, errStub }

// Close waits for running views and a running flush, then closes. It does not flush. Repeatable.
func (s *Store) Close() error { return errStub }

// Commit takes committed entries into the overlay: from its return on every read sees them. All or none: the entries
// must follow the committed end and each other. The error is ErrGap, ErrDiverged, ErrInvalid, ErrCopying, ErrDead or ErrClosed.
func (s *Store) Commit(entries ...Stored) error { return errStub }

// Len is the number of entries in the overlay (not yet applied).
func (s *Store) Len() int { return 0 }

// Bytes is the stored size of the entries in the overlay, for admission control.
func (s *Store) Bytes() int64 { return 0 }

// Flush applies the whole overlay, and the notified mark, in one transaction and returns the applied end. ctx is looked at
// only before the transaction begins. A failed transaction kills the store: ErrDead from then on.
func (s *Store) Flush(ctx context.Context) (Mark, error) { return Mark{}, errStub }

// Committed is the end of the committed history (overlay included), Applied that of what bolt holds durably.
func (s *Store) Committed() Mark { return Mark{} }

// Applied is the end of what bolt holds durably.
func (s *Store) Applied() Mark { return Mark{} }

// Notified is the position up to which the other host holds the updates too (P14).
func (s *Store) Notified() position.Position { return position.Position{} }

// SetNotified raises the notified mark; lower positions are ignored. It is durable with the next Flush.
func (s *Store) SetNotified(p position.Position) {}

// PairTime is the time of the last committed entry, in Unix nanoseconds; 0 in an empty store.
func (s *Store) PairTime() int64 { return 0 }

// View runs f with a Reader at the committed end. The reader must not leave f, and f must be short: an open view can
// make a flush wait. What the reader met (ErrDamaged) is returned unless f returns an error itself.
func (s *Store) View(f func(*Reader) error) error { return errStub }

// Reader reads at one committed position. Slices it returns belong to the caller.
type Reader struct{}

// Position is the committed position that all reads of r see.
func (r *Reader) Position() position.Position { return position.Position{} }

// Time is the pair time at Position, in Unix nanoseconds.
func (r *Reader) Time() int64 { return 0 }

// Get reads one key. The revision is the sequence of the update that last wrote it, 0 when absent.
func (r *Reader) Get(space string, key []byte) (value []byte, revision uint64, ok bool) {
	return nil, 0, false
}

// Item is one key of a scan.
type Item struct {
	Key, Value []byte
	Revision   uint64
}

// Scan reads keys with the prefix in order, from the first one after `after` (nil: from the first), at most limit items (≤0: 1,000)
// and about maxBytes of keys and values (≤0: 1 MiB), but at least one if there is one. more says that there are others.
func (r *Reader) Scan(space string, prefix, after []byte, limit, maxBytes int) (items []Item, more bool) {
	return nil, false
}

// Lookup says what is known of a request.
type Lookup uint8

const (
	// Absent: the request was not recorded; it may be executed.
	Absent Lookup = iota
	// Found: the recorded answer is returned.
	Found
	// TooOld: whether it was executed is no longer known; it must not be.
	TooOld
)

// Answer finds the recorded answer of a request and the position of its update.
func (r *Reader) Answer(id RequestID) (Answer, position.Position, Lookup) {
	return Answer{}, position.Position{}, Absent
}

// Entries reads the history from a sequence on, overlay included: at most limit entries (≤0: 1,000) and about maxBytes stored bytes (≤0: 4 MiB),
// but at least one if there is one; none beyond the end. from 0 means 1. The error is ErrTrimmed when from is no longer there.
func (s *Store) Entries(from uint64, limit, maxBytes int) ([]Stored, error) { return nil, errStub }

// EntryAt reads one entry of the history. The error is ErrTrimmed or ErrAbsent.
func (s *Store) EntryAt(sequence uint64) (Stored, error) { return Stored{}, errStub }

// DigestAt gives the chained digest at a sequence; also at the one just before First, and at 0. The error is ErrTrimmed or ErrAbsent.
func (s *Store) DigestAt(sequence uint64) (Digest, error) { return Digest{}, errStub }

// First is the first sequence still in the history; when there is none, the next one to come.
func (s *Store) First() uint64 { return 0 }

// Epochs lists where each epoch began, in order. It reaches back beyond trimming.
func (s *Store) Epochs() []EpochStart { return nil }

// Pin keeps entries from the sequence on in the history until release is called (repeatable). It does not survive a
// restart. The error is ErrTrimmed when they are no longer all there.
func (s *Store) Pin(from uint64) (release func(), err error) { return nil, errStub }

// CopyItem is one key of a bucket, as bolt holds it.
type CopyItem struct {
	Bucket string `cbor:"1,keyasint"`
	Key    []byte `cbor:"2,keyasint"`
	Value  []byte `cbor:"3,keyasint"`
}

// Range is a part of the database for a host that copies it.
type Range struct {
	// From is the cursor that was asked for, Next the one to ask for next.
	From []byte `cbor:"1,keyasint,omitempty"`
	Next []byte `cbor:"2,keyasint,omitempty"`
	// Done says that nothing follows.
	Done bool `cbor:"3,keyasint,omitempty"`
	// At is the sender's applied end at which the items were read; Time its pair time.
	At    Mark       `cbor:"4,keyasint"`
	Time  int64      `cbor:"5,keyasint,omitempty"`
	Items []CopyItem `cbor:"6,keyasint,omitempty"`
	// Check is a checksum over all the rest.
	Check uint32 `cbor:"7,keyasint"`
}

// Encode gives the range as bytes for the wire; DecodeRange reads them.
func (r *Range) Encode() ([]byte, error) { return nil, errStub }

// DecodeRange reads what Encode wrote. It never panics. The error is ErrVersion or ErrMalformed.
func DecodeRange(raw []byte) (Range, error) { return Range{}, errStub }

// CopyRange reads the next part of the database at the applied end, about maxBytes of it (≤0: 1 MiB), in one short transaction.
// The cursor is nil at first, then the Next of the range before.
func (s *Store) CopyRange(cursor []byte, maxBytes int) (Range, error) { return Range{}, errStub }

// CopyProgress is the durable state of a copy on the receiver.
type CopyProgress struct {
	// Base is the sender's applied end when the copy began; entries following it are replayed after the last range.
	Base Mark `cbor:"1,keyasint"`
	// Cursor is the one to ask for next.
	Cursor []byte `cbor:"2,keyasint,omitempty"`
	// Done says that all ranges are in: Commit takes entries following Base from now on.
	Done bool `cbor:"3,keyasint,omitempty"`
	// Until is the highest At of the ranges: before the applied end reaches it the database is inconsistent.
	Until Mark `cbor:"4,keyasint"`
	// Ranges, Items and Bytes received so far, for showing progress.
	Ranges uint64 `cbor:"5,keyasint,omitempty"`
	Items  uint64 `cbor:"6,keyasint,omitempty"`
	Bytes  uint64 `cbor:"7,keyasint,omitempty"`
}

// BeginCopy replaces the database by an empty one whose committed and applied end is base, durably, in one step. The caller has set aside what it
// must not lose, and has marked itself inconsistent in its facts. It waits for running views.
func (s *Store) BeginCopy(base Mark) error { return errStub }

// PutRange stores the next range durably with the progress. The error is ErrNotCopying, ErrOrder (the range does not begin at the progress's
// cursor: ask for that one) or ErrMalformed.
func (s *Store) PutRange(r Range) error { return errStub }

// Copying gives the progress of a copy. ok is false when the database is consistent: no copy was begun, or all its
// ranges are in and the applied end has reached Until.
func (s *Store) Copying() (p CopyProgress, ok bool) { return CopyProgress{}, false }

// DatabaseDigest digests all data, live answers and epoch starts at the applied end: equal on two hosts that applied the same
// history, however they flushed, trimmed or copied. It reads everything.
func (s *Store) DatabaseDigest() (Digest, Mark, error) { return Digest{}, Mark{}, errStub }

// Check verifies the structure of the file, every value's checksum, the chain of the history from its first entry, and the positions.
// The error is ErrDamaged, joined from everything found (bounded), or ctx's.
func (s *Store) Check(ctx context.Context) error { return errStub }

// Stats gives figures.
func (s *Store) Stats() Stats { return Stats{} }

// TestWrite writes and fsyncs a small new file beside the database, to show that the disk takes writes (fitness for a takeover).
func (s *Store) TestWrite() error { return errStub }

// WriteAside writes records (entries or frames that only this host has, R10) into a new file in dir/aside, fsynced with its directories, and
// returns its path.
func WriteAside(dir, reason string, records [][]byte) (path string, err error) { return "", errStub }

// Aside is what a file set aside holds.
type Aside struct {
	Path    string
	Reason  string
	Records [][]byte
}

// ReadAside reads one file. The error is ErrDamaged, ErrForeign or ErrVersion.
func ReadAside(path string) (Aside, error) { return Aside{}, errStub }

// ListAside lists the paths of the files set aside, oldest first; their number is what status shows.
func ListAside(dir string) ([]string, error) { return nil, errStub }
