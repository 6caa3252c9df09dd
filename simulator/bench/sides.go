package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/simulator/bench/load"
	"github.com/hotpair/hotpair/simulator/bench/proc"
	"github.com/hotpair/hotpair/simulator/bench/result"
)

// sidesBench compares two builds, or one under two settings: two pairs with stand-ins for their terminals side by side, that work in turns. What
// a change gives is less than what this machine changes from minute to minute, and shows only so.
type sidesBench struct {
	other     string
	settings  names
	clients   numbers
	rounds    int
	duration  time.Duration
	terminals int
	sealed    bool
}

// cuts are how many pieces a measurement of each side is cut into, with the other's between them.
const cuts = 8

func (b *sidesBench) options(f *options) {
	b.clients = numbers{1, 8, 64, 256}
	f.StringVar(&b.other, "other", "", "other hotpair binary; empty for the same one")
	f.Var(&b.settings, "set", "settings of the other side, as GOMAXPROCS=1,HOTPAIR_LEASE=1s")
	f.Var(&b.clients, "clients", "numbers of closed-loop clients")
	f.IntVar(&b.rounds, "rounds", 8, "rounds; each measures everything once")
	f.DurationVar(&b.duration, "duration", 2*time.Second, "length of each measurement")
	f.IntVar(&b.terminals, "terminals", 8, "stand-ins for terminals")
	f.BoolVar(&b.sealed, "tls", true, "with TLS on all connections, as shipped")
	f.inShort("rounds", "2")
	f.inShort("duration", "1s")
}

func (b *sidesBench) measure(ctx context.Context, r *run) (err error) {
	var sides [2]*lightCluster
	for i, binary := range []string{r.binary, b.other} {
		var settings []string
		if i == 1 {
			settings = b.settings
		}
		if binary == "" {
			binary = r.binary
		}
		if sides[i], err = startLight(ctx, binary, b.terminals, b.sealed, settings...); err != nil {
			return fmt.Errorf("%s: %w", sideNames[i], err)
		}
		defer func() { err = errors.Join(err, sides[i].Stop()) }()
	}
	for round := range b.rounds {
		for _, n := range b.clients {
			var done [2]measured
			for cut := range cuts {
				for turn := range sides {
					side := (turn + cut + round) % len(sides)
					if err := sides[side].more(ctx, &done[side], n, b.duration/cuts); err != nil {
						return fmt.Errorf("%s: %w", sideNames[side], err)
					}
				}
			}
			for i, m := range done {
				b.tell(r, m, fmt.Sprintf("kv.put, %d clients, %s", n, sideNames[i]), sides[i].active)
			}
		}
		r.say("round %d of %d", round+1, b.rounds)
	}
	b.judge(r)
	return nil
}

// sideNames are what the sides are called in rows.
var sideNames = [2]string{"one", "other"}

// more has clients work for a while, and adds what they did.
func (l *lightCluster) more(ctx context.Context, m *measured, n int, duration time.Duration) error {
	clients := l.Fleet.Clients(n)
	defer clients.Close()
	next, err := watchLoad(ctx, l, clients, load.Put(1000), duration)
	if err != nil {
		return err
	}
	m.Add(next.Stretch)
	if m.used == nil {
		m.used = next.used
		return nil
	}
	for owner, list := range next.used {
		for name, used := range list {
			m.used[owner][name] = m.used[owner][name].Plus(used)
		}
	}
	return nil
}

func (b *sidesBench) tell(r *run, m measured, row, active string) {
	r.result.Add(row, "rate", "1/s", result.More, m.Rate())
	r.result.Add(row, "p50", "ms", result.Less, ms(m.At(0.5)))
	r.result.Add(row, "p99", "ms", result.Less, ms(m.At(0.99)))
	r.result.Add(row, "failed requests", "", result.Less, float64(m.Failed))
	micros := func(u proc.Usage) float64 { return float64(u.CPU.Microseconds()) / float64(max(len(m.Sorted), 1)) }
	r.result.Add(row, "processor of both hosts", "µs", result.Less, micros(proc.Total(m.used["host a"]).Plus(proc.Total(m.used["host b"]))))
	for _, s := range m.shares(load.Put(1000), active) {
		r.result.Add(row, "processor of "+s.whose, "µs", result.Less, micros(s.used))
	}
}

// judge tells each metric of both sides, and what the other is to the one, round by round.
func (b *sidesBench) judge(r *run) {
	for _, n := range b.clients {
		for _, s := range r.result.Series {
			row := fmt.Sprintf("kv.put, %d clients, ", n)
			other := r.result.Find(row+sideNames[1], s.Metric)
			if s.Row != row+sideNames[0] || other == nil {
				continue
			}
			one, two := result.Summarize(s.Samples), result.Summarize(other.Samples)
			ratio := result.Summarize(result.Ratios(other.Samples, s.Samples))
			r.say("%4d clients, %-36s %9s and %9s %-4s other to one %.3f (%.3f–%.3f)", n, s.Metric, result.Number(one.Median), result.Number(two.Median), s.Unit,
				ratio.Median, ratio.Low, ratio.High)
		}
	}
}
