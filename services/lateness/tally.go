package lateness

import (
	"math"
	"sync"
	"time"
)

const (
	// slot is the time whose observations are forgotten together; slots are kept for a day, plus the present one.
	slot  = time.Hour
	slots = 25
	// finest is the end of the first bucket; each further one ends a quarter of an octave later, the last above a minute.
	finest   = time.Millisecond
	inOctave = 4
	buckets  = 66
)

// bound is the end of a bucket; of the last one there is none.
func bound(i int) time.Duration {
	return time.Duration(float64(finest) * math.Exp2(float64(i)/inOctave))
}

// bucket is the first one whose end is not below a time.
func bucket(d time.Duration) int {
	if d <= finest {
		return 0
	}
	i := min(int(math.Ceil(math.Log2(float64(d)/float64(finest))*inOctave)), buckets-1)
	for i > 0 && bound(i-1) >= d { // what rounding does
		i--
	}
	return i
}

// tally counts times of the last day. Its size is bounded.
type tally struct {
	mu      sync.Mutex
	hours   [slots]hour
	counted uint64 // slots since the clock began, of the newest
}

// hour is what was counted in one slot.
type hour struct {
	counts  [buckets]uint32
	longest time.Duration
}

// add counts a time that was measured at now, on a monotonic clock.
func (t *tally) add(now, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(now)
	h := &t.hours[t.counted%slots]
	if b := &h.counts[bucket(d)]; *b < math.MaxUint32 {
		*b++
	}
	h.longest = max(h.longest, d)
}

// turn forgets what is older than a day.
func (t *tally) turn(now time.Duration) {
	at := uint64(max(now, 0) / slot)
	for n := 0; t.counted < at && n < slots; n++ {
		t.counted++
		t.hours[t.counted%slots] = hour{}
	}
	t.counted = max(t.counted, at)
}

// day gives what was counted in the last day.
func (t *tally) day(now time.Duration) (d Times) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(now)
	var counts [buckets]uint64
	for _, h := range t.hours {
		for i, n := range h.counts {
			counts[i] += uint64(n)
			d.Count += uint64(n)
		}
		d.Longest = max(d.Longest, h.longest)
	}
	d.Median, d.Slow, d.Slowest = d.share(counts, 0.5), d.share(counts, 0.999), d.share(counts, 0.99999)
	return d
}

// share is the time that a share of all did not exceed, rounded up to the end of its bucket.
func (d Times) share(counts [buckets]uint64, share float64) time.Duration {
	rank, seen := uint64(math.Ceil(share*float64(d.Count))), uint64(0)
	for i, n := range counts {
		if seen += n; n > 0 && seen >= rank {
			return min(bound(i), d.Longest)
		}
	}
	return d.Longest
}

// Times is the distribution of times of the last day. The JSON names are stable.
type Times struct {
	Count   uint64        `json:"count"`
	Median  time.Duration `json:"median_ns"`
	Slow    time.Duration `json:"slow_ns"`    // exceeded by one in a thousand
	Slowest time.Duration `json:"slowest_ns"` // exceeded by one in a hundred thousand
	Longest time.Duration `json:"longest_ns"`
}
