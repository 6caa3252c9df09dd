package history

import (
	"errors"

	"github.com/hotpair/hotpair/services/fault"
)

// Errors of entries and their order. Those of what a host still has, and of what it has instead, cross the wire.
var (
	// ErrInvalid says that an entry can't be part of the history: an empty key, a missing space, a foreign kind.
	ErrInvalid = errors.New("invalid entry")
	// ErrTooLarge says that an entry, a key or an id is larger than its bound.
	ErrTooLarge = errors.New("entry too large")
	// ErrGap says that an entry does not follow the last one by sequence: something is missing or was seen before.
	ErrGap = errors.New("gap in the history")
	// ErrDiverged says that an entry follows by sequence but not by digest or epoch: it belongs to another history.
	ErrDiverged = fault.New("history-diverged", "diverged history")
	// ErrTrimmed says that the requested entry was trimmed from the history.
	ErrTrimmed = fault.New("history-trimmed", "trimmed from the history")
	// ErrAbsent says that the entry asked for lies beyond the end of the history.
	ErrAbsent = fault.New("history-absent", "beyond the end of the history")
)
