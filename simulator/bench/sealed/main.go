// Command sealed measures what TLS on the wires between machines costs: rate and latency of updates, the gap of a takeover, memory and
// processor of the hosts, with it and without, in turns in one run. Terminals are stand-ins, which do whole handshakes: with agents the machine
// would measure those.
//
//	go run ./simulator/bench/sealed -binary ./hotpair -rounds 24 -keep simulator/bench/results
//
// It ends with 1 when the median of the rounds is worse with TLS by more than -bound.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/simulator/bench/result"
	"github.com/hotpair/hotpair/simulator/bench/subject"
)

// options of a run.
type options struct {
	binary   string
	rounds   int
	each     time.Duration
	clients  int
	fleets   string
	bound    float64
	terminal int // of the pairs that are compared in turns
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 24, "rounds, each with TLS and without, in turns")
	flag.DurationVar(&o.each, "each", 2*time.Second, "how long updates are counted in a round")
	flag.IntVar(&o.clients, "clients", 8, "closed-loop writers")
	flag.IntVar(&o.terminal, "terminals", 50, "stand-ins for terminals of the pairs that are compared in turns")
	flag.StringVar(&o.fleets, "fleets", "1000,5000", "numbers of terminals of which memory and processor are measured, by commas; empty is none")
	flag.Float64Var(&o.bound, "bound", 0.05, "by how much the median of the rounds may be worse with TLS; 0 judges nothing")
	subject.Measure("tls", func() map[string]string {
		return map[string]string{"rounds": strconv.Itoa(o.rounds), "each": o.each.String(), "clients": strconv.Itoa(o.clients),
			"terminals": strconv.Itoa(o.terminal), "fleets": o.fleets}
	}, func(ctx context.Context, binary string, r *result.Result) error { return o.measure(ctx, binary, r) })
}

// errWorse says that TLS costs more than it may.
var errWorse = errors.New("worse with TLS than the bound allows")

func (o options) measure(ctx context.Context, binary string, r *result.Result) error {
	o.binary = binary
	err := turns(ctx, r, o)
	for _, text := range strings.FieldsFunc(o.fleets, func(c rune) bool { return c == ',' }) {
		n, bad := strconv.Atoi(text)
		if bad != nil {
			return bad
		}
		for _, sealed := range []bool{true, false} {
			if err == nil {
				err = fleet(ctx, r, o, n, sealed)
			}
		}
	}
	if worse := judge(r, o.bound); err == nil && worse > 0 {
		err = fmt.Errorf("%w: %d medians by more than %.0f %%", errWorse, worse, 100*o.bound)
	}
	return err
}

// The two ways, as rows call them.
const (
	withTLS = "TLS"
	inClear = "plain"
)

func way(sealed bool) string {
	if sealed {
		return withTLS
	}
	return inClear
}

// judge tells each metric both ways and counts those that are worse with TLS by more than a bound: the median of what TLS is to plain in each
// round, where both were measured in turns. What has no direction is told only. The interval behind the median holds the true one in 95 of 100
// runs: where it is wider than the bound, more rounds say more.
func judge(r *result.Result, bound float64) (worse int) {
	for _, s := range r.Series {
		what, sealed := strings.CutSuffix(s.Row, ", "+withTLS)
		plain := r.Find(what+", "+inClear, s.Metric)
		if !sealed || plain == nil {
			continue
		}
		a, b := result.Summarize(s.Samples), result.Summarize(plain.Samples)
		ratios := result.Ratios(s.Samples, plain.Samples)
		ratio, p := result.Summarize(ratios).Median, result.MannWhitney(s.Samples, plain.Samples)
		low, high := interval(ratios)
		verdict := ""
		if bound > 0 && (s.Better == result.More && ratio < 1-bound || s.Better == result.Less && ratio > 1+bound) {
			verdict = "  WORSE"
			worse++
		}
		line := fmt.Sprintf("%s, %s: %s %s (%s to %s) with TLS, %s (%s to %s) without; round by round %.3f (%.3f to %.3f), p %.2f, of %d", what, s.Metric, result.Number(a.Median), s.Unit,
			result.Number(a.Low), result.Number(a.High), result.Number(b.Median), result.Number(b.Low), result.Number(b.High), ratio, low, high, p, a.N)
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
