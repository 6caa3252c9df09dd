// Package lease holds what a right to answer is: a time, never a flag.
//
// A flag that says "active" can be left standing by a process that was frozen or a message that was lost. A time ends
// by itself. It is counted on the clock that goes on while the machine sleeps (CLOCK_BOOTTIME), which all processes of
// one host share, so main can give terminal-if a right that both read the same way (R6).
package lease

import "time"

// Clock gives the time since the machine started, sleep included. It is compared by value; nothing waits on it.
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
