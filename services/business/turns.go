package business

import (
	"context"
	"math"
	"slices"
	"time"
)

// Turns of requests that conflict with each other. Conditions alone decide whether a commit is right; turns only avoid
// wasted runs, in three steps: a request that had a conflict queues for the keys of the conflict (lanes); one with
// repeated conflicts gets the process for itself (gate); one that conflicts even then is refused.
const (
	// aloneAfter: after this many conflicts a request runs while no other request of the service that may write does.
	// All writers of a key space are in this process, so it must succeed then, unless its reads can't be stable.
	aloneAfter = 4
	// maxRuns bounds the runs that lost.
	maxRuns = 20
	// maxDoubts bounds the commits of one request with an unknown outcome: a commit that is lost again and again may
	// be refused each time, which repeating does not change, and delays all others.
	maxDoubts = 20
	// firstBackoff and longestBackoff bound the pause before a run when there is nothing to stand in line for.
	firstBackoff   = 500 * time.Microsecond
	longestBackoff = 20 * time.Millisecond
	// inLineFor and alonePatience bound the wait for a lane and for the gate alone. Someone whose handler takes its time
	// must not hold up the others: beyond that a request tries its luck without.
	inLineFor     = time.Second
	alonePatience = 100 * time.Millisecond
	// everyone is the weight of the gate; each run that may write holds one of it.
	everyone = math.MaxInt64
)

// passIn goes through the gate, before a run. The gate serves in order, so who wants it alone gets it as soon as the
// runs of the moment have ended.
func (e *execution) passIn(ctx context.Context) error {
	if e.conflicts >= aloneAfter {
		// Nobody would get past a lane that is held here, so hold none while the others end.
		e.lanes.leave(e.entered)
		e.entered = nil
		patience, cancel := context.WithTimeout(ctx, alonePatience)
		defer cancel()
		if e.gate.Acquire(patience, everyone) == nil {
			e.holds = everyone
			return nil
		}
	}
	if e.op.ReadOnly {
		return nil
	}
	if e.gate.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	e.holds = 1
	return nil
}

func (e *execution) passOut() {
	if e.holds > 0 {
		e.gate.Release(e.holds)
		e.holds = 0
	}
}

// queue is called at the first read of a run (txEnvironment): a request that reads a contended key joins its queue.
func (e *execution) queue(ctx context.Context, keys []string) error {
	if e.op.ReadOnly || e.holds == everyone || len(e.entered) > 0 {
		return nil // nothing to fight for, nobody to fight with, or in line already
	}
	taken := e.lanes.contended(keys)
	if len(taken) == 0 {
		return nil
	}
	e.passOut() // nobody waits for a lane inside the gate
	if err := e.enter(ctx, taken); err != nil {
		return err
	}
	return e.passIn(ctx)
}

// enter queues for keys, as long as that is useful. The error is ctx's cause.
func (e *execution) enter(ctx context.Context, keys []string) error {
	patience, cancel := context.WithTimeout(ctx, inLineFor)
	defer cancel()
	e.entered, _ = e.lanes.enter(patience, keys)
	return context.Cause(ctx)
}

// yield is what a run that lost does before the next one.
func (e *execution) yield(ctx context.Context) error {
	wanted := append(slices.Clone(e.entered), e.lost...)
	e.lost = e.lost[:0]
	e.lanes.leave(e.entered)
	e.entered = nil
	if len(wanted) > 0 && !e.op.ReadOnly && e.conflicts < aloneAfter {
		if err := e.enter(ctx, wanted); err != nil {
			return err
		}
	}
	if e.conflicts == 1 || len(e.entered) > 0 {
		return nil // the conflicting update is committed; queued requests must not be kept waiting
	}
	return wait(ctx, jitter(firstBackoff, longestBackoff, e.conflicts-1), nil)
}
