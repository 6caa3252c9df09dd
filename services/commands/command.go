package commands

import (
	"time"

	"github.com/hotpair/hotpair/storage/position"
)

const (
	// MaxWithin bounds how long after its update a command may be taken.
	MaxWithin = 24 * time.Hour
	// Patience is how long whoever took a command may take to say that it was carried out. Then it is unknown, until that is said.
	Patience = time.Minute
	// Kept is how long a command is kept after it was settled, so that whoever asks late hears what became of it. Its own time may last longer:
	// what is forgotten can't be taken either.
	Kept = 10 * time.Minute
)

// State of a command, as the pair keeps it.
type State uint8

const (
	// Open is entered with the update that makes the command, and left when somebody takes it or its time is over.
	Open State = iota
	// Taken is entered by the first taking: whoever took it hands it out. It is left when an application says that it was carried out, when
	// somebody else asks for it, and when nobody says anything for as long as Patience.
	Taken
	// Done is entered when an application has said that it was carried out. It is never left.
	Done
	// Late is entered when its time was over before anybody took it: it is never handed out. It is never left.
	Late
	// Unknown is entered when it was taken and nobody knows what came of it. It is left only when an application says that it was carried out.
	Unknown
)

// String names a state as applications and operators see it.
func (s State) String() string {
	names := [...]string{"open", "taken", "done", "late", "unknown"}
	if int(s) >= len(names) {
		return "unknown"
	}
	return names[s]
}

// Taker is who takes commands of a terminal.
type Taker struct {
	// Directory is the random identity of the agent's directory.
	Directory string
	// Token is random for each taking, is asked with again only until there is an answer, and is never on a disk: so neither an agent that was
	// started anew nor a directory that was copied, or put back as it was, passes for who has taken something.
	Token string
}

// Command is what the pair knows of one.
type Command struct {
	Number position.Number
	Until  int64 // pair time in Unix nanoseconds: after it nobody takes it
	State  State
	By     Taker // who has taken it
	At     int64 // pair time of the last change of its state
}

// Facts are what a taking is judged by, at the position at which it is committed.
type Facts struct {
	Now int64 // pair time in Unix nanoseconds
	// TakenBack is the last epoch that began from a history which lacks a part of an earlier one, by force or restored; 0: none did. What was
	// taken in the part that is missing is not known here.
	TakenBack uint64
}

// Verdict answers who asks for a command.
type Verdict uint8

const (
	// First: the taking is the first one, and whoever asks hands the command out.
	First Verdict = iota + 1
	// Settled: it was carried out.
	Settled
	// TooLate: its time is over, and nobody has taken it.
	TooLate
	// Doubtful: it was taken before, under another token or in another directory, and nobody has said what came of it.
	Doubtful
	// Void: a history was taken back since it was made, and with it perhaps a taking.
	Void
	// Gone: there is no such command, or not any more.
	Gone
)

// String names a verdict as it travels.
func (v Verdict) String() string {
	names := [...]string{"", "first", "done", "late", "unknown", "void", "gone"}
	if int(v) >= len(names) {
		return ""
	}
	return names[v]
}

// Take judges that somebody takes a command; nil: there is none of the number. next is what it is from then on, and has to be committed
// before anybody is answered.
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

// Finish judges that a terminal says that a command was carried out. Only the directory that took it can say so, under whatever
// token: an application outlives its agent. It is Settled or Gone.
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

// Pass says what time alone makes of a command. keep is false when it is to be forgotten.
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
