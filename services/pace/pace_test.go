package pace

import (
	"testing"
	"time"
)

func TestNext_EndsAtAMultiple(t *testing.T) {
	const interval = 128 * time.Millisecond
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC).Truncate(interval)
	for _, c := range []struct{ after, want time.Duration }{
		{0, interval},
		{time.Millisecond, interval - time.Millisecond},
		{interval - 2*time.Millisecond, 2 * time.Millisecond},
		{interval - time.Millisecond, interval + time.Millisecond}, // it ended early, by this clock
		{interval + 5*time.Millisecond, interval - 5*time.Millisecond},
	} {
		if got := next(at.Add(c.after), interval); got != c.want {
			t.Errorf("%v after a multiple: %v, want %v", c.after, got, c.want)
		}
	}
}

func TestNext_IsSharedByMultiplesOfAPace(t *testing.T) {
	const short = 125 * time.Millisecond
	for now := time.Unix(1_800_000_000, 0); now.Before(time.Unix(1_800_000_002, 0)); now = now.Add(7 * time.Millisecond) {
		for _, times := range []time.Duration{2, 4, 8} {
			end := now.Add(next(now, times*short))
			if off := end.Sub(end.Truncate(short)); off != 0 {
				t.Fatalf("%v at %v ends %v off the pace of %v", times*short, now, off, short)
			}
		}
	}
}

func TestNext_NeverWaitsLongerThanAnIntervalAndAPart(t *testing.T) {
	for _, interval := range []time.Duration{0, 1, time.Millisecond, 31250 * time.Microsecond, 125 * time.Millisecond, time.Second} {
		for now := time.Unix(1_800_000_000, 123); now.Before(time.Unix(1_800_000_001, 0)); now = now.Add(1_234_567) {
			if got := next(now, interval); got < 0 || got > interval+interval/early || interval > 0 && got == 0 {
				t.Fatalf("interval %v at %v: %v", interval, now, got)
			}
		}
	}
}
