package pace

import (
	"math"
	"testing"
	"time"
)

func TestDoubled(t *testing.T) {
	for _, c := range []struct {
		times int
		want  time.Duration
	}{{math.MinInt, 30}, {0, 30}, {1, 60}, {2, 120}, {3, 240}, {4, 300}, {100, 300}, {math.MaxInt, 300}} {
		if got := Doubled(30, 300, c.times); got != c.want {
			t.Errorf("%d times: %d, want %d", c.times, got, c.want)
		}
	}
	if got := Doubled(30, 20, 5); got != 20 {
		t.Errorf("with a first one above the longest %d", got)
	}
}
