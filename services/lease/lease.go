// Package lease defines the right to answer: a time, never a flag.
//
// A flag that says "active" can stay set after a process was frozen or a message was lost. A time ends without help. It
// is counted on the clock that continues while the machine sleeps (CLOCK_BOOTTIME), which all processes of one host
// share, so main can give terminal-if a right that both read the same way (R6).
package lease

import "time"

// Clock returns the time since the machine started, sleep included. It is compared by value; nothing waits on it.
type Clock func() time.Duration

// Right is the right to answer terminals in one epoch until a time of the host's Clock. The zero Right permits nothing.
type Right struct {
	Epoch uint64        `json:"epoch"`
	Until time.Duration `json:"until_ns"`
}

// Holds reports whether an answer of the epoch may leave at the time now.
func (r Right) Holds(epoch uint64, now time.Duration) bool {
	return r.Epoch == epoch && epoch != 0 && now < r.Until
}
