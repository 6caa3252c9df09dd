package histogram

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogram_PutsEachDurationIntoItsBucket(t *testing.T) {
	bounds := Bounds()
	if !slices.IsSorted(bounds[:]) {
		t.Fatalf("bounds %v are not in order", bounds)
	}
	for i, bound := range bounds {
		var h Histogram
		h.Observe(bound)
		h.Observe(bound + 1)
		s := h.Sample()
		if s.Counts[i] != 1 || s.Counts[i+1] != 1 || s.Count() != 2 || s.Sum != 2*bound+1 {
			t.Errorf("%s and a nanosecond more: %+v", bound, s)
		}
	}
	var h Histogram
	h.Observe(-time.Second)
	if s := h.Sample(); s.Counts[0] != 1 || s.Sum != 0 {
		t.Errorf("a negative duration: %+v", s)
	}
}

func TestSample_QuantileLiesInTheRightBucket(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var h Histogram
	var all []time.Duration
	for range 10000 {
		d := time.Duration(random.ExpFloat64() * float64(3*time.Millisecond))
		all = append(all, d)
		h.Observe(d)
	}
	slices.Sort(all)
	for _, share := range []float64{0.01, 0.5, 0.9, 0.99, 0.999} {
		exact, guess := all[int(share*float64(len(all)))], h.Sample().Quantile(share)
		bounds := Bounds()
		i, _ := slices.BinarySearch(bounds[:], exact)
		low := time.Duration(0)
		if i > 0 {
			low = bounds[i-1]
		}
		if guess < low || guess > bounds[i] {
			t.Errorf("quantile %v: %s, exactly it is %s", share, guess, exact)
		}
	}
	if q := (Sample{}).Quantile(0.5); q != 0 {
		t.Errorf("quantile of nothing: %s", q)
	}
	var long Histogram
	long.Observe(time.Hour)
	if q := long.Sample().Quantile(0.5); q != 10*time.Second {
		t.Errorf("quantile of an hour: %s", q)
	}
}

func TestSample_SinceOutlivesARestart(t *testing.T) {
	var h, again Histogram
	h.Observe(time.Millisecond)
	first := h.Sample()
	h.Observe(time.Second)
	if d := h.Sample().Since(first); d.Count() != 1 || d.Sum != time.Second {
		t.Errorf("since: %+v", d)
	}
	again.Observe(time.Second)
	if d := again.Sample().Since(h.Sample()); d.Count() != 1 || d.Sum != time.Second {
		t.Errorf("after a restart: %+v", d)
	}
	if d := first.Since(Sample{}); d.Count() != 1 {
		t.Errorf("since nothing: %+v", d)
	}
}
