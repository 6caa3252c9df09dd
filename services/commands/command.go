package commands

import (
	"time"

	"github.com/hotpair/hotpair/storage/position"
)

const (
	// MaxWithin bounds how long after its update a command may be taken.
	MaxWithin = 24 * time.Hour
	// Patience is how long a taker may need to confirm that a command was carried out. After that it is unknown, until
	// it is confirmed.
	Patience = time.Minute
	// Kept is how long a command is stored after it was settled, so that a late question gets its state. Its own time
	// may last longer: a command that was discarded can't be taken either.
	Kept = 10 * time.Minute
)

// State of a command, as the pair stores it.
type State uint8

const (
	// Open is entered with the update that makes the command, and left when it is taken or expires.
	Open State = iota
	// Taken is entered by the first taking, whose taker hands the command out. It is left when an application confirms
	// that it was carried out, when another taker asks for it, and after Patience without a confirmation.
	Taken
	// Done is entered when an application has said that it was carried out. It is never left.
	Done
	// Late is entered when its time was over before anybody took it: it is never handed out. It is never left.
	Late
	// Unknown is entered when it was taken and its outcome is unknown. It is left only when an application confirms
	// that it was carried out.
	Unknown
)

// String returns the state for applications and operators.
func (s State) String() string {
	names := [...]string{"open", "taken", "done", "late", "unknown"}
	if int(s) >= len(names) {
		return "unknown"
	}
	return names[s]
}

// Taker identifies who takes commands of a terminal.
type Taker struct {
	// Directory is the random identity of the agent's directory.
	Directory string
	// Token is random for each taking, is repeated only until there is an answer, and is never on a disk: so neither a
	// restarted agent nor a directory that was copied or restored passes for the taker.
	Token string
}

// Command is the pair's state of a command.
type Command struct {
	Number position.Number
	Until  int64 // pair time in Unix nanoseconds: when it expires
	State  State
	By     Taker // the taker
	At     int64 // pair time of the last change of its state
}

// Facts are the facts that decide a taking, at the position of its commit.
type Facts struct {
	Now int64 // pair time in Unix nanoseconds
	// TakenBack is the last epoch that began from a history which lacks a part of an earlier one, by force or
	// restored; 0: none did. Commands taken in the missing part are not known here.
	TakenBack uint64
}

// Verdict is the answer to a taking.
type Verdict uint8

const (
	// First: the taking is the first one, and the taker hands the command out.
	First Verdict = iota + 1
	// Settled: it was carried out.
	Settled
	// TooLate: it expired before it was taken.
	TooLate
	// Doubtful: it was taken before, under another token or in another directory, and its outcome is unknown.
	Doubtful
	// Void: a history was taken back since it was made, and with it perhaps a taking.
	Void
	// Gone: there is no such command, or it was discarded.
	Gone
)

// String returns the verdict as in messages.
func (v Verdict) String() string {
	names := [...]string{"", "first", "done", "late", "unknown", "void", "gone"}
	if int(v) >= len(names) {
		return ""
	}
	return names[v]
}

// Take decides a taking of a command; nil: there is no command with the number. next is its new state, which must be
// committed before the answer is sent.
func Take(c *Command, by Taker, f Facts) (next Command, v Verdict) {
	if c == nil {
		return Command{}, Gone
	}
	next = *c
	switch {
	case c.State == Done:
		return next, Settled
	case c.State == Late:
		return next, TooLate
	case c.State == Taken && c.By == by:
		return next, First // its answer was lost
	case c.State == Taken:
		next.State, next.At = Unknown, f.Now
		return next, Doubtful
	case c.State == Unknown:
		return next, Doubtful
	case c.Number.Epoch < f.TakenBack:
		next.State, next.At = Unknown, f.Now
		return next, Void
	case f.Now > c.Until:
		next.State, next.At = Late, f.Now
		return next, TooLate
	}
	next.State, next.By, next.At = Taken, by, f.Now
	return next, First
}

// Finish decides a confirmation by a terminal that a command was carried out. Only the directory that took it can
// confirm it, under any token: an application outlives its agent. The verdict is Settled or Gone.
func Finish(c *Command, by Taker, f Facts) (next Command, v Verdict) {
	if c == nil {
		return Command{}, Gone
	}
	next = *c
	switch {
	case c.State == Done:
		return next, Settled
	case c.State != Taken && c.State != Unknown, c.By.Directory != by.Directory:
		return next, Gone
	}
	next.State, next.At = Done, f.Now
	return next, Settled
}

// Due is the pair time after which Pass changes a command.
func (c *Command) Due() int64 {
	switch c.State {
	case Open:
		return c.Until
	case Taken:
		return c.At + int64(Patience)
	}
	return c.At + int64(Kept)
}

// Pass returns the state after time alone has passed. keep is false if the command is to be discarded.
func Pass(c *Command, f Facts) (next Command, keep bool) {
	next = *c
	if f.Now <= c.Due() {
		return next, true
	}
	switch {
	case c.State == Open && c.Number.Epoch < f.TakenBack, c.State == Taken:
		next.State, next.At = Unknown, f.Now
	case c.State == Open:
		next.State, next.At = Late, f.Now
	default:
		return next, false
	}
	return next, true
}
