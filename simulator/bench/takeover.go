package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/operator"
)

// trialsResult is one kind of loss.
type trialsResult struct {
	Kind   string          `json:"kind"`
	Trials []time.Duration `json:"trials_ns"` // longest gap of each, in order
	Median time.Duration   `json:"median_ns"`
	Worst  time.Duration   `json:"worst_ns"`
	Failed int             `json:"failed"` // requests without a positive answer
}

// loss is one kind: how it is done to a whole pair, and how it is mended.
type loss struct {
	kind string
	does func(ctx context.Context, c *cluster, active, standby string) error
	mend func(ctx context.Context, c *cluster, active, standby string) error
}

func losses() []loss {
	none := func(context.Context, *cluster, string, string) error { return nil }
	process := func(name string) func(context.Context, *cluster, string, string) error {
		return func(ctx context.Context, c *cluster, active, _ string) error {
			s, err := c.status(ctx, active)
			if err != nil {
				return err
			}
			return syscall.Kill(s.Processes[name].PID, syscall.SIGKILL)
		}
	}
	return []loss{
		{"active host killed",
			func(ctx context.Context, c *cluster, a, _ string) error { return c.order(ctx, local.Kill, a) },
			func(ctx context.Context, c *cluster, a, _ string) error { return c.order(ctx, local.Start, a) }},
		{"active main killed", process("main"), none},
		{"standby host killed",
			func(ctx context.Context, c *cluster, _, s string) error { return c.order(ctx, local.Kill, s) },
			func(ctx context.Context, c *cluster, _, s string) error { return c.order(ctx, local.Start, s) }},
		{"switchover",
			func(ctx context.Context, c *cluster, a, _ string) error {
				_, err := operator.NewClient(c.file.Hosts[a].HTTP).Switchover(ctx)
				return err
			}, none},
		{"active host frozen",
			func(ctx context.Context, c *cluster, a, _ string) error { return c.order(ctx, local.Freeze, a) },
			func(ctx context.Context, c *cluster, a, _ string) error { return c.order(ctx, local.Thaw, a) }},
		{"business.kv killed", process("business.kv"), none},
		{"terminal-if killed", process("terminal-if"), none},
		{"updater killed", process("updater"), none},
	}
}

func allKinds() []string {
	var kinds []string
	for _, l := range losses() {
		kinds = append(kinds, l.kind)
	}
	return kinds
}

// settleTime is how long after a loss acknowledgements are still watched, beyond the lease.
const settleTime = 2 * time.Second

// measureTakeovers plays each kind of loss against one cluster under load, the kinds in turn, so that the machine's moods
// meet all of them.
func measureTakeovers(ctx context.Context, s settings, out io.Writer) ([]trialsResult, error) {
	c, err := startCluster(ctx, s, s.Terminals)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	w, err := newWriters(c, s.Clients)
	if err != nil {
		return nil, err
	}
	defer w.close()
	load, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); w.run(load) }()
	defer func() { end(); <-ended }()

	results := make([]trialsResult, len(s.Kinds))
	for trial := range s.Trials {
		for i, kind := range s.Kinds {
			k := slices.IndexFunc(losses(), func(l loss) bool { return l.kind == kind })
			if k < 0 {
				return nil, fmt.Errorf("%w: no kind of loss is named %q", errUsage, kind)
			}
			results[i].Kind = kind
			gap, failed, err := trialOf(ctx, s, c, w, losses()[k])
			if err != nil {
				return nil, fmt.Errorf("%s, trial %d: %w", kind, trial+1, err)
			}
			results[i].Trials = append(results[i].Trials, gap)
			results[i].Failed += failed
			fmt.Fprintf(out, "trial %2d  %-22s %8.1f ms\n", trial+1, kind, ms(gap))
		}
	}
	fmt.Fprintf(out, "\n%-22s %7s %9s %9s %9s %7s\n", "longest gap, ms", "trials", "median", "p90", "worst", "failed")
	for i := range results {
		r := &results[i]
		sorted := slices.Sorted(slices.Values(r.Trials))
		r.Median, r.Worst = at(sorted, 0.5), at(sorted, 1)
		fmt.Fprintf(out, "%-22s %7d %9.1f %9.1f %9.1f %7d\n", r.Kind, len(sorted), ms(r.Median), ms(at(sorted, 0.9)), ms(r.Worst), r.Failed)
	}
	return results, nil
}

func trialOf(ctx context.Context, s settings, c *cluster, w *writers, l loss) (time.Duration, int, error) {
	active, standby, err := c.whole(ctx)
	if err != nil {
		return 0, 0, err
	}
	time.Sleep(300 * time.Millisecond) // a stretch of undisturbed service, so that the gap has a beginning
	_, before := w.gap(time.Now(), time.Now())
	from := time.Now().Add(-100 * time.Millisecond)
	if err := l.does(ctx, c, active, standby); err != nil {
		return 0, 0, err
	}
	time.Sleep(s.Lease + settleTime) // the window that is measured
	gap, failed := w.gap(from, time.Now())
	if err := l.mend(ctx, c, active, standby); err != nil {
		return 0, 0, err
	}
	return gap, failed - before, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
