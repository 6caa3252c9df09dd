package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/bench/proc"
	"github.com/hotpair/hotpair/simulator/bench/result"
	"github.com/hotpair/hotpair/simulator/bench/turns"
)

// rest is for how long a pair is watched that has nothing to do.
const rest = 10 * time.Second

// fleet measures memory and processor of a pair with many terminals: what their handshakes cost, what it costs to have them, and a takeover.
func fleet(ctx context.Context, r *result.Result, o options, terminals int, sealed bool) (err error) {
	began := time.Now()
	m, err := turns.Start(ctx, o.side(sealed), terminals)
	if err != nil {
		return fmt.Errorf("%d terminals, %s: %w", terminals, o.side(sealed).Name, err)
	}
	defer func() { err = errors.Join(err, m.Stop()) }()
	row := fmt.Sprintf("%d terminals, %s", terminals, o.side(sealed).Name)
	r.Add(row, "until all are served", "s", result.None, time.Since(began).Seconds())
	spent := time.Duration(0)
	for _, host := range m.Hosts() {
		for _, p := range host {
			spent += proc.UsageOf(p.PID).CPU
		}
	}
	r.Add(row, "processor of both hosts until then", "s", result.None, spent.Seconds())
	meter := proc.NewMeter(m.Hosts())
	if err := pace.Rest(ctx, rest); err != nil {
		return err
	}
	used, took := meter.Read()
	active, standby, err := m.Whole(ctx)
	if err != nil {
		return err
	}
	for what, host := range map[string]string{"active": active, "standby": standby} {
		memory := int64(0)
		for _, p := range m.Hosts()[host] {
			memory += proc.PSS(p.PID)
		}
		r.Add(row, "memory of the "+what, "MB", result.None, float64(memory)/1e6)
		r.Add(row, "processor of the "+what+" at rest", "% of a core", result.None, 100*proc.Total(used[host]).CPU.Seconds()/took.Seconds())
	}
	return m.Takeover(ctx, r, o.clients)
}
