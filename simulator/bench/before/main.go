// Command before measures a build of before beside this one: rate, latency and processor of kv.put at one, some and many clients, and the gap of a
// takeover by SIGKILL, of two pairs that work in turns in one run. What a change gives is less than what a machine changes from minute to minute,
// and shows only so.
//
//	go run ./simulator/bench/before -binary ./hotpair -other /tmp/hotpair-of-before -rounds 9
//
// The other build has to be one that this one's cluster is started and asked like: v0.2.0 is.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"time"

	"github.com/hotpair/hotpair/simulator/bench/result"
	"github.com/hotpair/hotpair/simulator/bench/subject"
	"github.com/hotpair/hotpair/simulator/bench/turns"
)

// The two builds, as rows call them.
const (
	now    = "now"
	before = "before"
)

var (
	errWorse   = errors.New("worse than before by more than the bound")
	errNoOther = errors.New("give the earlier build with -other")
)

func main() {
	o := turns.Options{}
	var other string
	var bound float64
	flag.StringVar(&other, "other", "", "earlier hotpair binary")
	flag.IntVar(&o.Rounds, "rounds", 9, "rounds, each with both builds in turn and a takeover of each")
	flag.DurationVar(&o.Each, "each", 2*time.Second, "how long updates are counted in a round for each number of clients")
	flag.IntVar(&o.Clients, "clients", 8, "closed-loop writers; one writer and eight times as many are measured too")
	flag.IntVar(&o.Terminals, "terminals", 50, "stand-ins for terminals of each pair")
	flag.Float64Var(&bound, "bound", 0, "by how much the median of the rounds may be worse than before; 0 disables the check")
	subject.Measure("before", func() map[string]string {
		return map[string]string{"rounds": strconv.Itoa(o.Rounds), "each": o.Each.String(), "clients": strconv.Itoa(o.Clients), "terminals": strconv.Itoa(o.Terminals), "other": other}
	}, func(ctx context.Context, binary string, r *result.Result) error {
		if other == "" {
			return errNoOther
		}
		err := turns.Run(ctx, r, o, [2]turns.Side{{Name: now, Binary: binary, Sealed: true}, {Name: before, Binary: other, Sealed: true}})
		if worse := turns.Judge(r, now, before, bound); err == nil && worse > 0 {
			err = fmt.Errorf("%w: %d medians by more than %.0f %%", errWorse, worse, 100*bound)
		}
		return err
	})
}
