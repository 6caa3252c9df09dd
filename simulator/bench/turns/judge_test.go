package turns

import (
	"testing"

	"github.com/hotpair/hotpair/simulator/bench/result"
)

// Rounds are compared each with itself: a machine that was slow for both in one of them tells nothing. More of a rate and less of a time are
// better; what has no direction is never judged.
func TestJudge_ByTheMedianOfTheRounds(t *testing.T) {
	for what, c := range map[string]struct {
		better     result.Better
		tls, plain []float64
		bound      float64
		want       int
	}{
		"as fast":                   {result.More, []float64{100, 10, 50}, []float64{100, 10, 50}, 0.05, 0},
		"slower within the bound":   {result.More, []float64{96, 9.6, 48}, []float64{100, 10, 50}, 0.05, 0},
		"slower":                    {result.More, []float64{94, 9.4, 47}, []float64{100, 10, 50}, 0.05, 1},
		"faster":                    {result.More, []float64{200, 20, 100}, []float64{100, 10, 50}, 0.05, 0},
		"a longer gap":              {result.Less, []float64{106, 10.6, 53}, []float64{100, 10, 50}, 0.05, 1},
		"a shorter gap":             {result.Less, []float64{50, 5, 25}, []float64{100, 10, 50}, 0.05, 0},
		"a longer one in one round": {result.Less, []float64{900, 10, 50}, []float64{100, 10, 50}, 0.05, 0},
		"processor":                 {result.None, []float64{900, 900, 900}, []float64{100, 10, 50}, 0.05, 0},
		"not to be judged":          {result.Less, []float64{900, 900, 900}, []float64{100, 10, 50}, 0, 0},
	} {
		r := &result.Result{}
		r.Add("row, TLS", "metric", "ms", c.better, c.tls...)
		r.Add("row, plain", "metric", "ms", c.better, c.plain...)
		r.Add("another, TLS", "metric", "ms", c.better, 1) // without the other way
		if got := Judge(r, "TLS", "plain", c.bound); got != c.want {
			t.Errorf("%s: %d are worse, want %d", what, got, c.want)
		}
	}
}

// Of 100 drawn from anywhere the 41st and the 60th by size stand around the median.
func TestInterval_OfTheMedian(t *testing.T) {
	var many []float64
	for i := range 100 {
		many = append(many, float64((i*37)%100))
	}
	for _, c := range []struct {
		samples   []float64
		low, high float64
	}{{nil, 0, 0}, {[]float64{3}, 3, 3}, {[]float64{2, 1, 3}, 1, 3}, {many, 40, 59}} {
		if low, high := interval(c.samples); low != c.low || high != c.high {
			t.Errorf("of %d: %v to %v, want %v to %v", len(c.samples), low, high, c.low, c.high)
		}
	}
}
