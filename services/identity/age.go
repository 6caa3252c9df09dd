package identity

import "time"

// Age says how much of a certificate's life has passed.
type Age string

// Ages, in their order.
const (
	// Early: it is not valid yet by this process's clock.
	Early Age = "early"
	Fresh Age = "fresh"
	// Due: two thirds have passed, so a new certificate should have come.
	Due Age = "due"
	// Ending: the last tenth.
	Ending Age = "ending"
	Over   Age = "over"
)

// AgeOf returns the age of something valid between two times.
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

// Bad reports whether to act at once: it has ended, is about to end, or has not begun.
func (a Age) Bad() bool { return a == Early || a == Ending || a == Over }
