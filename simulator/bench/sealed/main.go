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
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/simulator/bench/result"
	"github.com/hotpair/hotpair/simulator/bench/subject"
	"github.com/hotpair/hotpair/simulator/bench/turns"
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
	flag.IntVar(&o.rounds, "rounds", 24, "rounds, each with and without TLS in turn")
	flag.DurationVar(&o.each, "each", 2*time.Second, "how long updates are counted in a round")
	flag.IntVar(&o.clients, "clients", 8, "closed-loop writers")
	flag.IntVar(&o.terminal, "terminals", 50, "stand-ins for terminals of the compared pairs")
	flag.StringVar(&o.fleets, "fleets", "1000,5000", "numbers of terminals for which memory and processor are measured, separated by commas; empty for none")
	flag.Float64Var(&o.bound, "bound", 0.05, "by how much the median of the rounds may be worse with TLS; 0 disables the check")
	subject.Measure("tls", func() map[string]string {
		return map[string]string{"rounds": strconv.Itoa(o.rounds), "each": o.each.String(), "clients": strconv.Itoa(o.clients),
			"terminals": strconv.Itoa(o.terminal), "fleets": o.fleets}
	}, func(ctx context.Context, binary string, r *result.Result) error { return o.measure(ctx, binary, r) })
}

// errWorse says that TLS costs more than it may.
var errWorse = errors.New("worse with TLS by more than the bound")

func (o options) measure(ctx context.Context, binary string, r *result.Result) error {
	o.binary = binary
	err := turns.Run(ctx, r, turns.Options{Rounds: o.rounds, Each: o.each, Clients: o.clients, Terminals: o.terminal}, [2]turns.Side{o.side(true), o.side(false)})
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
	if worse := turns.Judge(r, withTLS, inClear, o.bound); err == nil && worse > 0 {
		err = fmt.Errorf("%w: %d medians by more than %.0f %%", errWorse, worse, 100*o.bound)
	}
	return err
}

// The two ways, as rows call them.
const (
	withTLS = "TLS"
	inClear = "plain"
)

func (o options) side(sealed bool) turns.Side {
	if sealed {
		return turns.Side{Name: withTLS, Binary: o.binary, Sealed: true}
	}
	return turns.Side{Name: inClear, Binary: o.binary}
}
