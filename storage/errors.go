package storage

import (
	"errors"

	"github.com/hotpair/hotpair/storage/format"
)

// Errors of files and directories: they occur when something is opened. Each is wrapped with the file concerned and
// what an operator can do.
var (
	// ErrLocked says that another process uses the data directory.
	ErrLocked = errors.New("data directory in use")
	// ErrForeign says that a file belongs to another host, another identity, or to another program.
	ErrForeign = format.ErrForeign
	// ErrDamaged says that a file is not as it was written: truncated, altered, or half of it missing.
	ErrDamaged = format.ErrDamaged
	// ErrVersion says that a file or an entry was written by a version that this program does not know.
	ErrVersion = format.ErrVersion
)

// Errors of entries and their order.
var (
	// ErrInvalid says that an entry can't be part of the history: an empty key, a missing space, a foreign kind.
	ErrInvalid = errors.New("invalid entry")
	// ErrTooLarge says that an entry, a key or an id is larger than its bound.
	ErrTooLarge = errors.New("entry too large")
	// ErrMalformed says that bytes are no encoded entry (or no other encoded thing of this package).
	ErrMalformed = format.ErrMalformed
	// ErrGap says that an entry does not follow the last one by sequence: something is missing or was seen before.
	ErrGap = errors.New("gap in the history")
	// ErrDiverged says that an entry follows by sequence but not by digest or epoch: it belongs to another history.
	ErrDiverged = errors.New("diverged history")
	// ErrTrimmed says that the history no longer reaches back to the entry asked for.
	ErrTrimmed = errors.New("trimmed from the history")
	// ErrAbsent says that the entry asked for lies beyond the end of the history.
	ErrAbsent = errors.New("beyond the end of the history")
)

// Errors of a running Store or Facts.
var (
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("storage closed")
	// ErrDead says that a write or fsync failed before. Nothing is written any more, because nobody knows what is
	// on the disk; the process ends and recovery starts from what is there (R8).
	ErrDead = errors.New("storage dead after a failed write")
	// ErrLower says that a host-local fact which only rises was about to be lowered.
	ErrLower = errors.New("fact would be lowered")
	// ErrCopying says that the operation must wait until the running copy has received its last range.
	ErrCopying = errors.New("copy in progress")
	// ErrNotCopying says that a range arrived although no copy was begun.
	ErrNotCopying = errors.New("no copy in progress")
	// ErrOrder says that a range of a copy is not the next one.
	ErrOrder = errors.New("range out of order")
)

// errPanic marks what was a panic of bolt.
var errPanic = errors.New("bolt met something impossible")
