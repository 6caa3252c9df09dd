package emissions

import (
	"slices"
	"time"

	"github.com/hotpair/hotpair/services/pace"
)

// Outcome is what an answer means.
type Outcome uint8

// Outcomes.
const (
	Again Outcome = iota // it is tried again
	Good                 // it is done
	Final                // no try will do: it is parked
)

// Judge says what an answer of HTTP means; 0 is none.
func Judge(code int) Outcome {
	switch {
	case code >= 200 && code < 300:
		return Good
	case slices.Contains([]int{400, 409, 410, 413, 422}, code):
		return Final
	}
	return Again
}

const (
	// FirstPause and LongestPause bound the pauses between tries. Each is twice the one before, less up to a half that is drawn.
	FirstPause   = time.Second
	LongestPause = 5 * time.Minute
	// LongestAsked bounds the pause that a target can ask for.
	LongestAsked = time.Hour
)

// Pause is how long to rest after as many failures as that, one at least. asked is what the target asks for, drawn a random number
// of [0, 1).
func Pause(failures int, asked time.Duration, drawn float64) time.Duration {
	longest := pace.Doubled(FirstPause, LongestPause, failures-1)
	return max(longest-time.Duration(drawn*float64(longest/2)), min(asked, LongestAsked))
}
