package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/bench/proc"
	"github.com/hotpair/hotpair/simulator/bench/result"
	"github.com/hotpair/hotpair/simulator/bench/subject"
)

// idleBench is what a pair costs that has nothing to do.
type idleBench struct {
	terminals int
	rounds    int
	duration  time.Duration
}

// calm is left out of the measurement: what a start leaves behind is not idleness.
const calm = 5 * time.Second

func (b *idleBench) options(f *options) {
	f.IntVar(&b.terminals, "terminals", 5, "terminals")
	f.IntVar(&b.rounds, "rounds", 5, "number of measured intervals")
	f.DurationVar(&b.duration, "duration", 8*time.Second, "length of each")
	f.inShort("rounds", "2")
	f.inShort("duration", "4s")
}

func (b *idleBench) measure(ctx context.Context, r *run) (err error) {
	info, err := os.Stat(r.binary)
	if err != nil {
		return fmt.Errorf("binary: %w", err)
	}
	r.result.Add("binary", "size", "MB", result.Less, float64(info.Size())/1e6)
	c, err := subject.Start(ctx, r.binary, b.terminals)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	if _, _, err := c.Whole(ctx); err != nil {
		return err
	}
	if err := pace.Rest(ctx, calm); err != nil {
		return err
	}
	for range b.rounds {
		list := c.Processes()
		meter := proc.NewMeter(list)
		if err := c.Unwatched(func() error { return pace.Rest(ctx, b.duration) }); err != nil {
			return err
		}
		used, took := meter.Read()
		for _, owner := range []string{"host a", "host b", "witness", "terminals"} {
			memory := pssOf(list[owner])
			tellCost(r, owner, memory.total, proc.Total(used[owner]).CPU, took)
			if owner != "host a" && owner != "host b" {
				continue
			}
			for _, name := range slices.Sorted(maps.Keys(used[owner])) {
				tellCost(r, name+" of "+owner, memory.by[name], used[owner][name].CPU, took)
			}
		}
	}
	for _, s := range r.result.Series {
		r.say("%-32s %-10s %8.2f %s", s.Row, s.Metric, result.Summarize(s.Samples).Median, s.Unit)
	}
	return nil
}

func tellCost(r *run, row string, memory int64, cpu, took time.Duration) {
	r.result.Add(row, "memory", "MB", result.Less, float64(memory)/1e6)
	r.result.Add(row, "processor", "% of a core", result.Less, 100*cpu.Seconds()/took.Seconds())
}

// memory of processes in bytes, in all and by name.
type memory struct {
	total int64
	by    map[string]int64
}

func pssOf(list []proc.Process) memory {
	m := memory{by: map[string]int64{}}
	for _, p := range list {
		pss := proc.PSS(p.PID)
		m.total += pss
		m.by[p.Name] += pss
	}
	return m
}
