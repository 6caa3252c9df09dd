package format

import "errors"

var (
	// ErrForeign says that a file belongs to another host, another identity, or to another program.
	ErrForeign = errors.New("foreign file")
	// ErrDamaged says that a file is not as it was written: truncated, altered, or half of it missing.
	ErrDamaged = errors.New("damaged file")
	// ErrVersion says that a file or an encoding was written by a version that this program does not know.
	ErrVersion = errors.New("unknown version")
	// ErrMalformed says that bytes are no encoding of what they should be.
	ErrMalformed = errors.New("malformed encoding")
)
