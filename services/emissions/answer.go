package emissions

import (
	"slices"
	"time"

	"github.com/hotpair/hotpair/services/pace"
)

// Outcome is the meaning of an answer.
type Outcome uint8

// Outcomes.
const (
	Again Outcome = iota // send it again
	Good                 // it is delivered
	Final                // no attempt will succeed: park it
)

// Judge returns the meaning of an HTTP status; 0 is none.
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
	// FirstPause and LongestPause bound the pauses between attempts. Each is twice the one before, less a random part
	// of up to a half.
	FirstPause   = time.Second
	LongestPause = 5 * time.Minute
	// LongestAsked bounds the pause that a target can ask for.
	LongestAsked = time.Hour
)

// Pause returns the pause after that many failures, at least one. asked is the pause that the target asks for, drawn a
// random number of [0, 1).
func Pause(failures int, asked time.Duration, drawn float64) time.Duration {
	longest := pace.Doubled(FirstPause, LongestPause, failures-1)
	return max(longest-time.Duration(drawn*float64(longest/2)), min(asked, LongestAsked))
}
