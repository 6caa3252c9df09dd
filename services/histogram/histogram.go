// Package histogram counts how long things take, in the same buckets everywhere, and carries what was counted.
package histogram

import (
	"sync/atomic"
	"time"
)

// Bounds are the upper ends of a Histogram's buckets: from a fraction of an fsync to what a lost host costs. They are
// the same for everything that is measured, so that what a request waits for can be laid beside the request.
func Bounds() [16]time.Duration {
	return [16]time.Duration{
		100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
		time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
		10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
		100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
		time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
	}
}

// Histogram counts durations in the buckets of Bounds and one more for what is longer. The zero Histogram is ready. It
// stands on hot paths: Observe is a walk over sixteen numbers and two atomic additions, and never blocks.
type Histogram struct {
	counts [17]atomic.Uint64
	sum    atomic.Int64
}

// Observe counts one duration; a negative one counts as 0.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	bucket := 16
	for i, bound := range Bounds() {
		if d <= bound {
			bucket = i
			break
		}
	}
	h.counts[bucket].Add(1)
	h.sum.Add(int64(d))
}

// Sample gives what has been counted since the process started. A duration that is observed meanwhile may be in the
// counts and not yet in the sum.
func (h *Histogram) Sample() Sample {
	s := Sample{Counts: make([]uint64, len(h.counts)), Sum: time.Duration(h.sum.Load())}
	for i := range h.counts {
		s.Counts[i] = h.counts[i].Load()
	}
	return s
}

// Sample is a Histogram at one moment, as heartbeats carry it.
type Sample struct {
	Counts []uint64      `json:"counts"` // of each bucket alone: those of Bounds, then what is longer
	Sum    time.Duration `json:"sum_ns"`
}

// Count is how many durations were observed.
func (s Sample) Count() uint64 {
	var n uint64
	for _, c := range s.Counts {
		n += c
	}
	return n
}

// Since gives what was observed after an earlier sample of the same process. After a restart of the process, when
// counts have gone back, it is all there is.
func (s Sample) Since(earlier Sample) Sample {
	if len(earlier.Counts) != len(s.Counts) {
		return s
	}
	d := Sample{Counts: make([]uint64, len(s.Counts)), Sum: s.Sum - earlier.Sum}
	for i, n := range s.Counts {
		if n < earlier.Counts[i] {
			return s
		}
		d.Counts[i] = n - earlier.Counts[i]
	}
	return d
}

// Quantile estimates the duration that a share (0 to 1) of all did not exceed, as if they were spread evenly over their
// bucket. What is longer than all Bounds counts as the last of them. Without any it is 0.
func (s Sample) Quantile(share float64) time.Duration {
	bounds := Bounds()
	rank := share * float64(s.Count())
	var seen float64
	for i, n := range s.Counts {
		if n == 0 || seen+float64(n) < rank {
			seen += float64(n)
			continue
		}
		if i >= len(bounds) {
			break
		}
		var low time.Duration
		if i > 0 {
			low = bounds[i-1]
		}
		return low + time.Duration((rank-seen)/float64(n)*float64(bounds[i]-low))
	}
	if s.Count() == 0 {
		return 0
	}
	return bounds[len(bounds)-1]
}
