// Package lanes decides which queued requests of a terminal may be sent, and what an answer means for them. It uses no
// disk and no network; its caller writes and sends.
//
// Queued requests are numbered in their order and belong to lanes. Of each lane one request is in flight at a time, the
// first; the next one follows when the outcome of the first is durable here. A request that is not queued but names a
// lane is a guest in it: it waits for the requests before it, and later ones wait for it.
package lanes

import "time"

// Meaning is the meaning of an answer for a queued request.
type Meaning uint8

// Meanings.
const (
	Again   Meaning = iota // send it again, under the same number
	Final                  // the answer is its outcome
	Unknown                // its outcome is unknown: a person must check the data
)

// Judge returns the meaning of an answer with a code; 0 is success. recorded: the pair has recorded the answer under
// the number of the request and will always repeat it.
//
// Again is for answers that may change later, whether the request took effect or not: the number stays the same, so it
// takes effect once. Codes that are unknown here are a service's own, and final. is not known here is a service's own,
// and its last word.
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
	// FirstRest and LongestRest bound the pause before a request is sent again. Each pause is twice the one before.
	FirstRest   = 50 * time.Millisecond
	LongestRest = 30 * time.Second
	// Window is the number of answers that the pair keeps for one series: an older number is too old. While a request
	// has no outcome, none gets a number that far above its own.
	Window = 1 << 16
)
