package replication

import (
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/position"
)

// Verdict is what a Tail made of a message.
type Verdict uint8

const (
	// Taken: the frame follows; its entries are part of the tail.
	Taken Verdict = iota + 1
	// Duplicate: the frame holds nothing that lies beyond what is known.
	Duplicate
	// Void: the frame is of a term before the fence, or of a history that was left.
	Void
	// Fenced: the marker was a fence, which rules from now on.
	Fenced
	// Dropped: the marker was a cut; entries beyond it are gone from the tail.
	Dropped
	// Refused: the frame does not follow; the error says why.
	Refused
)

// Tail is the fold over the messages of a journal, in the order of the stream, from a base that is durable elsewhere (in
// bolt). It is pure: the same messages give the same tail after every restart. Not for use by several goroutines.
type Tail struct{}

// NewTail begins at the base: the end of what bolt has applied.
func NewTail(base storage.Mark) *Tail { return nil }

// Take folds the message at stream sequence seq, which must be above the last one; sequences may have gaps. The error is
// storage.ErrGap, storage.ErrDiverged, storage.ErrInvalid or that of a malformed entry; then the verdict is Refused and
// so it stays for every frame, until a cut to a position within the tail heals it.
func (t *Tail) Take(seq uint64, m Message) (Verdict, error) { return 0, errStub }

// Own notes a frame that this host appended itself at seq, without reading it again. Errors as of Take.
func (t *Tail) Own(seq uint64, f *Frame, entries []storage.Stored) error { return errStub }

// Base is where the tail begins, End where it ends.
func (t *Tail) Base() storage.Mark { return storage.Mark{} }

// End is the end of the history as the journal has it.
func (t *Tail) End() storage.Mark { return storage.Mark{} }

// Fence is the fence that rules; zero when none was seen.
func (t *Tail) Fence() Fence { return Fence{} }

// Broken is why frames are refused, nil when they are not.
func (t *Tail) Broken() error { return nil }

// Committed is the highest committed position that taken frames or Commit told, never beyond End.
func (t *Tail) Committed() position.Position { return position.Position{} }

// Commit notes that the sender of the present term told a committed position.
func (t *Tail) Commit(p position.Position) {}

// Seq is the stream sequence of the last message taken.
func (t *Tail) Seq() uint64 { return 0 }

// After gives the entries of the tail with sequences above from and up to and including to, in order.
func (t *Tail) After(from, to uint64) []storage.Stored { return nil }

// DigestAt gives the digest at a sequence between Base and End.
func (t *Tail) DigestAt(sequence uint64) (storage.Digest, bool) { return storage.Digest{}, false }

// Bytes is the stored size of the entries in the tail.
func (t *Tail) Bytes() int64 { return 0 }

// Advance moves the base to what bolt has applied meanwhile. The error is storage.ErrDiverged when the tail has another
// digest there.
func (t *Tail) Advance(base storage.Mark) error { return errStub }

// Rebase forgets all entries and begins at another base: bolt was replaced by a copy.
func (t *Tail) Rebase(base storage.Mark) {}

// Purgeable is the stream sequence up to and including which nothing is needed any more to come to the same tail.
func (t *Tail) Purgeable() uint64 { return 0 }
