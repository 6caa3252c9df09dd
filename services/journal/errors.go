package journal

import (
	"errors"

	"github.com/hotpair/hotpair/services/fault"
)

// Errors of messages.
var (
	// ErrMalformed says that bytes are no journal message, or not as they were written.
	ErrMalformed = errors.New("malformed journal message")
	// ErrVersion says that a message was written by a version that this program does not know.
	ErrVersion = errors.New("journal message of another version")
	// ErrTooLarge says that a frame is larger than MaxFrame.
	ErrTooLarge = errors.New("frame too large")
)

// Errors of journals, of which ErrFull and ErrFenced cross the wire. A gap and a divergence met while reading are storage.ErrGap and storage.ErrDiverged.
var (
	// ErrLocked says that another process has the journal open: two servers could open one store and damage it.
	ErrLocked = errors.New("journal in use")
	// ErrMoved says that a journal's end is not where the writer expected it: another writer appended, or the stream went
	// back. The writer must look again (probe) before it writes.
	ErrMoved = errors.New("journal has moved")
	// ErrStuck says that a journal did not take a write, or that it is unknown whether it did, and that it will take none
	// before its process restarts (R8).
	ErrStuck = errors.New("journal is stuck")
	// ErrFull says that the journal has reached its bound; it has room again when its owner has applied more.
	ErrFull = fault.New("journal-full", "journal is full")
	// ErrFenced says that another epoch or session may write (R5).
	ErrFenced = fault.New("journal-fenced", "journal is fenced")
)
