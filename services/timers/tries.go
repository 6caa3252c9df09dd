package timers

import (
	"time"

	"github.com/hotpair/hotpair/services/pace"
)

const (
	// MaxTries is how often a handler may fail before its timer is parked.
	MaxTries = 20
	// FirstPause and LongestPause bound the pause after a failure. Each pause is twice the one before.
	FirstPause   = time.Second
	LongestPause = 5 * time.Minute
)

// Outcome is how a run ended.
type Outcome uint8

// Outcomes.
const (
	Done     Outcome = iota // committed
	Moved                   // refused: the entry has another revision
	Conflict                // refused repeatedly: another value that the handler read has changed
	Failed                  // the handler failed
	Down                    // the service was not running, or went down
	Unknown                 // whether it was committed is not known
	Crashed                 // the service crashed with it too often
)

// Next says what to do after a run.
type Next uint8

// What to do.
const (
	Forget    Next = iota // nothing to do for this revision
	ReadAgain             // after the pause: the entry says whether there is something to do
	ParkIt                // with the revision of the run
)

// Tries counts the failures of a handler for one revision of a timer. A term starts at none: parked timers stay
// parked.
type Tries int

// After returns what to do after a run, and how long to pause before. A service that is down uses up no tries: it is
// waited for.
func (t *Tries) After(o Outcome, most int) (Next, time.Duration) {
	switch o {
	case Done, Moved:
		return Forget, 0
	case Crashed:
		return ParkIt, 0
	case Failed:
		*t++
		if int(*t) >= most {
			return ParkIt, 0
		}
		return ReadAgain, pace.Doubled(FirstPause, LongestPause, int(*t)-1)
	case Down, Conflict:
		return ReadAgain, FirstPause
	}
	return ReadAgain, 0
}
