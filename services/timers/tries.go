package timers

import (
	"time"

	"github.com/hotpair/hotpair/services/pace"
)

const (
	// MaxTries is how often a handler may fail before its timer is parked.
	MaxTries = 20
	// FirstPause and LongestPause bound how long it rests after a failure. Each pause is twice the one before.
	FirstPause   = time.Second
	LongestPause = 5 * time.Minute
)

// Outcome is how a run ended.
type Outcome uint8

// Outcomes.
const (
	Done     Outcome = iota // committed
	Moved                   // refused: the entry has another revision
	Conflict                // refused, again and again: something else that the handler rests on has changed
	Failed                  // the handler failed
	Down                    // the service was not there, or went down
	Unknown                 // whether it was committed is not known
	Crashed                 // the service has gone down with it more often than anybody wants to see
)

// Next is what to do after a run.
type Next uint8

// What to do.
const (
	Forget    Next = iota // nothing is to be done for this revision
	ReadAgain             // after the pause: the entry says whether there is something to be done
	ParkIt                // with the revision of the run
)

// Tries counts how often a handler failed for one revision of a timer. A term begins with none: what was parked stays so.
type Tries int

// After says what to do after a run, and how long to rest before. A service that is down uses up no tries: it is waited for.
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
