package simulator

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that are 1/64 of their size apart, so that percentiles are within 2 %.
type histogram struct {
	counts [64 * 64]uint64
	total  uint64
	most   time.Duration
}

// bucket of a duration in nanoseconds: up to 64 exact, then 64 steps for each power of two.
func bucket(d time.Duration) int {
	n := uint64(max(d, 0))
	if n < 64 {
		return int(n)
	}
	shift := bits.Len64(n) - 7
	return (shift+1)*64 + int(n>>shift) - 64
}

// ceiling is the longest duration of a bucket.
func ceiling(b int) time.Duration {
	if b < 64 {
		return time.Duration(b)
	}
	shift := b/64 - 1
	return time.Duration((uint64(b%64)+65)<<shift - 1)
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucket(d)]++
	h.total++
	h.most = max(h.most, d)
}

// percentile gives the duration that a share (0 to 1) of all did not exceed.
func (h *histogram) percentile(share float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := max(uint64(share*float64(h.total)+0.5), 1)
	var seen uint64
	for b, n := range h.counts {
		if seen += n; seen >= rank {
			return min(ceiling(b), h.most)
		}
	}
	return h.most
}
