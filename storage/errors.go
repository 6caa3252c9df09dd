package storage

import (
	"errors"

	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
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

// Errors of entries and their order, and of what should be the encoding of something: see history and format.
var (
	ErrInvalid   = history.ErrInvalid
	ErrTooLarge  = history.ErrTooLarge
	ErrGap       = history.ErrGap
	ErrDiverged  = history.ErrDiverged
	ErrTrimmed   = history.ErrTrimmed
	ErrAbsent    = history.ErrAbsent
	ErrMalformed = format.ErrMalformed
)

// Errors of a running Store.
var (
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("storage closed")
	// ErrDead says that a write or fsync failed before. Nothing is written after that, because it is unknown what is
	// on the disk; the process ends and recovery starts from what is there (R8).
	ErrDead = format.ErrDead
	// ErrReceiving says that the operation must wait until the running copy has received its last range.
	ErrReceiving = fault.New("copying", "snapshot transfer in progress")
	// ErrNotReceiving says that a range arrived although no copy was begun.
	ErrNotReceiving = errors.New("no snapshot transfer in progress")
	// ErrPassed says that bolt holds more already than the position that was asked for, so that what was there can't be
	// read any more. Ask for a later one.
	ErrPassed = fault.New("position-passed", "already applied past that position")
	// ErrOrder says that a range of a copy is not the next one.
	ErrOrder = fault.New("range-order", "range out of order")
)

// errPanic marks what was a panic of bolt.
var errPanic = errors.New("bolt panicked")
