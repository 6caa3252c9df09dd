package result

import (
	"math"
	"slices"
)

// Summary is a series in three numbers.
type Summary struct {
	Median, Low, High float64 // Low and High are the least and the greatest sample
	N                 int
}

// Summarize gives the summary of samples; that of none is all zero.
func Summarize(samples []float64) Summary {
	if len(samples) == 0 {
		return Summary{}
	}
	sorted := slices.Sorted(slices.Values(samples))
	return Summary{Median: Quantile(sorted, 0.5), Low: sorted[0], High: sorted[len(sorted)-1], N: len(sorted)}
}

// Ratios tells what each sample is to that of another series of the same round, as long as both have one.
func Ratios(of, to []float64) []float64 {
	ratios := make([]float64, min(len(of), len(to)))
	for i := range ratios {
		ratios[i] = of[i] / to[i]
	}
	return ratios
}

// Quantile gives the quantile p (0 … 1) of sorted samples, between two of them in proportion; that of none is 0.
func Quantile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := p * float64(len(sorted)-1)
	low := int(math.Floor(at))
	if low+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

// exactLimit bounds the samples of each side for which the distribution is counted and not approximated.
const exactLimit = 30

// MannWhitney gives the probability that two sets of samples differ as much as they do, either way, if both came from the
// same distribution. It asks for no shape of it, which fits times on a shared machine. Without samples it is 1.
func MannWhitney(a, b []float64) float64 {
	n, m := len(a), len(b)
	if n == 0 || m == 0 {
		return 1
	}
	u := 0.0 // pairs in which a is greater, ties half
	for _, x := range a {
		for _, y := range b {
			switch {
			case x > y:
				u++
			case x == y:
				u += 0.5
			}
		}
	}
	ties := tieTerm(a, b)
	if ties == 0 && n <= exactLimit && m <= exactLimit {
		return exact(n, m, min(u, float64(n*m)-u))
	}
	total := float64(n + m)
	variance := float64(n*m) / 12 * (total + 1 - ties/(total*(total-1)))
	if variance <= 0 {
		return 1 // all samples are the same
	}
	// Half a step towards the middle, since u moves in steps.
	z := max(math.Abs(u-float64(n*m)/2)-0.5, 0) / math.Sqrt(variance)
	return math.Erfc(z / math.Sqrt2)
}

// tieTerm is the sum of t³-t over the groups of equal samples.
func tieTerm(a, b []float64) float64 {
	counts := map[float64]int{}
	for _, x := range slices.Concat(a, b) {
		counts[x]++
	}
	sum := 0.0
	for _, n := range counts {
		t := float64(n)
		sum += t*t*t - t
	}
	return sum
}

// exact is twice the probability of a count of at most u, by counting the arrangements that give each count.
func exact(n, m int, u float64) float64 {
	// ways[j][k]: arrangements of i samples of a among j of b that give count k.
	counts := make([][]float64, m+1)
	for j := range counts {
		counts[j] = make([]float64, n*m+1)
		counts[j][0] = 1
	}
	for i := 1; i <= n; i++ {
		next := make([][]float64, m+1)
		for j := range next {
			next[j] = make([]float64, n*m+1)
			if j == 0 {
				next[0][0] = 1
				continue
			}
			for k := range next[j] {
				next[j][k] = next[j-1][k] // the greatest sample is one of b
				if k >= j {
					next[j][k] += counts[j][k-j] // or one of a, above all j of b
				}
			}
		}
		counts = next
	}
	below, all := 0.0, 0.0
	for k, w := range counts[m] {
		all += w
		if float64(k) <= u {
			below += w
		}
	}
	return min(1, 2*below/all)
}
