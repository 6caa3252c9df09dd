package pace

import (
	"math"
	"testing"
	"time"
)

func TestRedial_BeginsAtOnceAndStaysWithinAQuarterOfASecond(t *testing.T) {
	for failed, want := range map[int]time.Duration{
		-1: time.Millisecond, 0: time.Millisecond, 1: 2 * time.Millisecond, 7: 128 * time.Millisecond, 8: 250 * time.Millisecond,
		math.MaxInt: 250 * time.Millisecond,
	} {
		if got := Redial(failed); got != want {
			t.Errorf("after %d: %v, want %v", failed, got, want)
		}
	}
}
