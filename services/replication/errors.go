package replication

import (
	"fmt"

	"github.com/hotpair/hotpair/services/fault"
)

// Errors of a probe: why the other host can't be brought in sync. They cross the wire.
var (
	// ErrForeign says that the other host belongs to another pair, or is not the host that is configured.
	ErrForeign = fault.New("foreign", "not the other host of this pair")
	// ErrStale says that the other host knows a higher epoch: the caller must find out which host is active.
	ErrStale = fault.New("stale", "a higher epoch is known")
	// ErrNotNow says that the other host does not take frames now: it is taking over, active itself, or told to wait.
	ErrNotNow = fault.New("not-now", "accepts no frames now")
	// ErrNotCommon says that the two histories have no provable common position, or that what the other host has
	// applied is ahead of it: only a copy helps.
	ErrNotCommon = fault.New("not-common", "no common position")
	// ErrSession says that a call belongs to a replication session that is over.
	ErrSession = fault.New("session-over", "replication session is over")
)

// staleError is ErrStale with the epoch that the other host knows.
type staleError struct {
	error
	known uint64
}

func (e *staleError) Unwrap() error { return e.error }

// stale is ErrStale of a host that knows an epoch.
func stale(known uint64) error { return fmt.Errorf("%w: %d", ErrStale, known) }

// fatal marks an error of the own disk: the caller is told, and the process ends (R8).
type fatal struct{ error }

func (f fatal) Unwrap() error { return f.error }
