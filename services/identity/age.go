package identity

import "time"

// Age is how far the life of a certificate has gone.
type Age string

// Ages, in their order.
const (
	// Early: it has not begun by the own clock.
	Early Age = "early"
	Fresh Age = "fresh"
	// Due: two thirds are over, so a new one should have come.
	Due Age = "due"
	// Ending: the last tenth.
	Ending Age = "ending"
	Over   Age = "over"
)

// AgeOf gives the age of what holds from and until a time.
func AgeOf(from, until, now time.Time) Age {
	life, left := until.Sub(from), until.Sub(now)
	switch {
	case now.Before(from):
		return Early
	case left < 0:
		return Over
	case left <= life/10:
		return Ending
	case left <= life/3:
		return Due
	}
	return Fresh
}

// Bad reports whether it is time to act at once: it is over, is about to be, or has not begun.
func (a Age) Bad() bool { return a == Early || a == Ending || a == Over }
