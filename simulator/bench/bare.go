package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hotpair/hotpair/simulator/bench/chain"
	"github.com/hotpair/hotpair/simulator/bench/load"
	"github.com/hotpair/hotpair/simulator/bench/proc"
	"github.com/hotpair/hotpair/simulator/bench/result"
)

// bareChain is a running chain: the shape of the path without what is done on it. It answers every request as if it had
// been a kv.put.
type bareChain struct {
	*chain.Chain
	shape chain.Shape
	dir   string
}

func startChain(ctx context.Context, shape chain.Shape, agents int) (*bareChain, error) {
	dir, err := os.MkdirTemp("", "hotpair-bench-chain-")
	if err != nil {
		return nil, fmt.Errorf("directory of the chain: %w", err)
	}
	c, err := chain.Start(ctx, shape, agents, record, dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &bareChain{c, shape, dir}, nil
}

func (b *bareChain) stop() error { return errors.Join(b.Stop(), os.RemoveAll(b.dir)) }

// Processes implements system.
func (b *bareChain) Processes() map[string][]proc.Process {
	return map[string][]proc.Process{"chain": b.Chain.Processes()}
}

// measure adds what the chain does with a crowd, and gives its rate.
func (b *bareChain) measure(ctx context.Context, r *run, who crowd, duration time.Duration) (rate float64, err error) {
	m, err := measureLoad(ctx, b, load.Put(1000), who, duration)
	if err != nil {
		return 0, fmt.Errorf("bare chain: %w", err)
	}
	row := fmt.Sprintf("bare chain, %v", who)
	if b.shape != chain.Apart {
		row = fmt.Sprintf("bare chain, bus %s, %v", b.shape, who)
	}
	r.result.Add(row, "rate", "1/s", result.None, m.Rate())
	r.result.Add(row, "p50", "ms", result.None, ms(m.At(0.5)))
	r.result.Add(row, "p99", "ms", result.None, ms(m.At(0.99)))
	micros := float64(proc.Total(m.used["chain"]).CPU.Microseconds()) / float64(max(len(m.Sorted), 1))
	r.result.Add(row, "cpu of all but clients", "µs/request", result.None, micros)
	r.say("%-40s %8.0f/s  p50 %.2f  p99 %.2f ms  %.0f µs of cpu", row, m.Rate(), ms(m.At(0.5)), ms(m.At(0.99)), micros)
	return m.Rate(), nil
}
