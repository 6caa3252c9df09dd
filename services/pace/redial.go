package pace

import "time"

// Redial is the pause before the next dial after so many in a row that failed, counted from 0: at once at first, because
// who is there was usually just restarted, and at most a quarter of a second, because it may be gone for days.
func Redial(failed int) time.Duration {
	return Doubled(time.Millisecond, 250*time.Millisecond, failed)
}
