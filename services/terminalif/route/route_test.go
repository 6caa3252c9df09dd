package route

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// TestHeaders_SayTheDeadlineInDigits: a service in any language reads it without knowing how Go writes a duration, and what is hardly left
// is not nothing, which would be no deadline.
func TestHeaders_SayTheDeadlineInDigits(t *testing.T) {
	for left, want := range map[time.Duration]string{90 * time.Second: "90000ms", 1500 * time.Microsecond: "1ms", time.Microsecond: "1ms"} {
		got := headers(bus.Request{ID: bus.RequestID{Terminal: "t1", Counter: 1}, Remaining: int64(left)}).Get(bus.HeaderDeadline)
		if d, err := time.ParseDuration(got); got != want || err != nil || d <= 0 {
			t.Errorf("%v is written %q, want %q (%v)", left, got, want, err)
		}
	}
}
