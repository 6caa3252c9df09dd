package pace

import "time"

// Doubled is first, doubled so many times, and at most longest.
func Doubled(first, longest time.Duration, times int) time.Duration {
	for ; times > 0 && first < longest; times-- {
		first *= 2
	}
	return min(first, longest)
}
