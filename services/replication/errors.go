package replication

import "errors"

// Errors of messages.
var (
	// ErrMalformed says that bytes are no journal message, or not as they were written.
	ErrMalformed = errors.New("malformed journal message")
	// ErrVersion says that a message was written by a version that this program does not know.
	ErrVersion = errors.New("journal message of another version")
	// ErrTooLarge says that a frame is larger than MaxFrame.
	ErrTooLarge = errors.New("frame too large")
)

// Errors of journals. A gap and a divergence met while reading are storage.ErrGap and storage.ErrDiverged.
var (
	// ErrLocked says that another process has the journal open: two servers could open one store and damage it.
	ErrLocked = errors.New("journal in use")
	// ErrMoved says that a journal's end is not where the writer thought: somebody else appended, or the stream went
	// back. The writer must look again (probe) before it writes.
	ErrMoved = errors.New("journal has moved")
	// ErrStuck says that a journal did not take a write, or that nobody knows whether it did, and that it will take none
	// before its process restarts (R8).
	ErrStuck = errors.New("journal is stuck")
	// ErrFull says that the journal has reached its bound; it has room again when its owner has applied more.
	ErrFull = errors.New("journal is full")
	// ErrFenced says that the epoch or the session is not, or no longer, the one that may write (R5).
	ErrFenced = errors.New("journal is fenced")
)

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
