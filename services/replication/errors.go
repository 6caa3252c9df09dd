package replication

import "errors"

// Errors of a probe: why the other host can't be brought in sync. They cross the wire as codes and are the same
// sentinels on the other side.
var (
	// ErrForeign says that the other host belongs to another pair, or is not the host that is configured.
	ErrForeign = errors.New("not the other host of this pair")
	// ErrStale says that the other host knows a higher epoch: who asked must find out who is active.
	ErrStale = errors.New("a higher epoch is known")
	// ErrNotNow says that the other host does not take frames now: it is taking over, active itself, or told to wait.
	ErrNotNow = errors.New("takes no frames now")
	// ErrNotCommon says that the two histories have no provable common position, or that what the other host has
	// applied is ahead of it: only a copy helps.
	ErrNotCommon = errors.New("no common position")
	// ErrSession says that a call belongs to a replication session that is over.
	ErrSession = errors.New("replication session is over")
)
