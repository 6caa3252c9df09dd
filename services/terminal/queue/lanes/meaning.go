// Package lanes decides what may be sent of what is queued at a terminal, and what an answer to it means. It knows no disk and no network:
// whoever writes and sends asks it.
//
// What is queued is numbered in the order in which it came, and stands in lanes. Of each lane one request is on its way at a time, the
// first; the next one only when the outcome of that is durable here. A request that nobody queues, and that names a lane, is a guest in it:
// it waits for what stood there before it, and what comes later waits for it.
package lanes

import "time"

// Meaning is what an answer means to a queued request.
type Meaning uint8

// Meanings.
const (
	Again   Meaning = iota // it is sent again, under the same number
	Final                  // it is over, and the answer says how
	Unknown                // it is over, and whether it took effect nobody can tell: a person has to look
)

// Judge says what an answer with a code means; 0 is success. recorded: the pair has written it down under the number of the request, and
// will never answer anything else.
//
// Again are those that another moment may change, whether it took effect or not: the number is the same, so it takes effect once. All that
// is not known here is a service's own, and its last word.
func Judge(code int, recorded bool) Meaning {
	if recorded {
		return Final
	}
	switch code {
	case 404, 429, 503, 504: // absent (so far), busy, nobody serves, no answer in time
		return Again
	case 410, 500: // forgotten by the pair, a fault of the service
		return Unknown
	}
	return Final
}

const (
	// FirstRest and LongestRest bound how long a request rests that is to be sent again. Each rest is twice the one before.
	FirstRest   = 50 * time.Millisecond
	LongestRest = 30 * time.Second
	// Window is how many numbers the pair keeps the answers of, for one series: one that is so far below another is too old to it. While a
	// request has no outcome, none gets a number that far above its own.
	Window = 1 << 16
)
