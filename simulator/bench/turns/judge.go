package turns

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/simulator/bench/result"
)

// Judge tells each metric of both sides and counts those that are worse at the one than at the other by more than a bound: the median of what the
// one is to the other in each round, where both were measured in turns. What has no direction is told only. The interval behind the median holds the true one in 95 of 100
// runs: where it is wider than the bound, more rounds say more.
func Judge(r *result.Result, one, other string, bound float64) (worse int) {
	for _, s := range r.Series {
		what, ours := strings.CutSuffix(s.Row, ", "+one)
		theirs := r.Find(what+", "+other, s.Metric)
		if !ours || theirs == nil {
			continue
		}
		a, b := result.Summarize(s.Samples), result.Summarize(theirs.Samples)
		ratios := result.Ratios(s.Samples, theirs.Samples)
		ratio, p := result.Summarize(ratios).Median, result.MannWhitney(s.Samples, theirs.Samples)
		low, high := interval(ratios)
		verdict := ""
		if bound > 0 && (s.Better == result.More && ratio < 1-bound || s.Better == result.Less && ratio > 1+bound) {
			verdict = "  WORSE"
			worse++
		}
		line := fmt.Sprintf("%s, %s, %s: %s %s (%s to %s); %s: %s (%s to %s); round by round %.3f (%.3f to %.3f), p %.2f, of %d", what, s.Metric, one, result.Number(a.Median), s.Unit,
			result.Number(a.Low), result.Number(a.High), other, result.Number(b.Median), result.Number(b.Low), result.Number(b.High), ratio, low, high, p, a.N)
		fmt.Println(line + verdict)
	}
	return worse
}

// interval is what holds the median of what samples are drawn from in 95 of 100 cases, whatever their distribution: from one of them to another, by
// the order of their sizes. Few samples give all of them.
func interval(samples []float64) (low, high float64) {
	sorted, n := slices.Sorted(slices.Values(samples)), len(samples)
	if n == 0 {
		return 0, 0
	}
	at := int(float64(n)/2 - 0.98*math.Sqrt(float64(n)))
	return sorted[max(at, 0)], sorted[min(n-1-at, n-1)]
}
