package format

import (
	"errors"

	"github.com/hotpair/hotpair/services/fault"
)

var (
	// ErrForeign says that a file belongs to another host, another identity, or to another program.
	ErrForeign = errors.New("foreign file")
	// ErrDamaged says that a file is not as it was written: truncated, altered, or half of it missing.
	ErrDamaged = fault.New("damaged-file", "damaged file")
	// ErrVersion says that a file or an encoding was written by a version that this program does not know.
	ErrVersion = errors.New("unknown version")
	// ErrMalformed says that bytes are no encoding of what they should be.
	ErrMalformed = fault.New("malformed-encoding", "malformed encoding")
	// ErrDead says that a write or fsync failed before. Nothing is written after that, because it is unknown what is
	// on the disk; the process ends and recovery starts from what is there (R8). It never comes from another process.
	ErrDead = errors.New("storage dead after a failed write")
)
