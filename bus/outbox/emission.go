package outbox

import (
	"fmt"
	"strings"
	"time"
)

const (
	// MaxEmissions bounds the emissions of one update.
	MaxEmissions = 256
	// MaxLane bounds the name of a lane, in bytes.
	MaxLane = 128
)

// Emission is a message to a target outside the pair. Those of one lane of a target are sent in order, one at a time.
type Emission struct {
	Target string `cbor:"1,keyasint"`
	Lane   string `cbor:"2,keyasint"`
	Body   []byte `cbor:"3,keyasint,omitempty"` // JSON; empty is {}
}

// EmissionState is the state of emissions, as the courier of the serving host reports it.
type EmissionState struct {
	Targets int `json:"targets,omitempty"`
	Waiting int `json:"waiting,omitempty"`
	Parked  int `json:"parked,omitempty"`
	Out     int `json:"out,omitempty"` // on their way now
	// Deferred: nothing leaves until an operator has released what was there before a history was taken back.
	Deferred bool `json:"held,omitempty"`
	// Failing is the target that has taken nothing of a lane for the longest time although something was sent, "" when there is none; Since
	// when, and Why: the lane, and why its last answer was none.
	Failing string    `json:"failing,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Why     string    `json:"why,omitempty"`
	Sent    uint64    `json:"sent,omitempty"`  // of this run of the courier, with a good answer
	Tries   uint64    `json:"tries,omitempty"` // all of them
}

// ValidLane reports whether s can be the name of a lane: 1 to MaxLane letters, digits and signs of ASCII without spaces and slashes, as
// it stands in a header and in commands.
func ValidLane(s string) bool {
	return s != "" && len(s) <= MaxLane && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' })
}

func (c *Changes) validateEmissions(named func(string) bool) error {
	if len(c.Emissions) > MaxEmissions {
		return fmt.Errorf("%w: %d emissions in one update, at most %d", ErrMalformed, len(c.Emissions), MaxEmissions)
	}
	for i := range c.Emissions {
		e := &c.Emissions[i]
		switch {
		case !named(e.Target):
			return fmt.Errorf("%w: an emission to the target %.70q; a target's name has 1 to 64 letters, digits, - and _", ErrMalformed, e.Target)
		case !ValidLane(e.Lane):
			return fmt.Errorf("%w: an emission to %s in the lane %.140q; a lane's name has 1 to %d printable ASCII characters, without spaces and slashes",
				ErrMalformed, e.Target, e.Lane, MaxLane)
		case len(e.Body) > MaxBody:
			return fmt.Errorf("%w: an emission to %s has a body of %d bytes, at most %d", ErrMalformed, e.Target, len(e.Body), MaxBody)
		}
		if err := checkBody(e.Body); err != nil {
			return fmt.Errorf("%w: the body of an emission to %s: %w", ErrMalformed, e.Target, err)
		}
	}
	return nil
}
