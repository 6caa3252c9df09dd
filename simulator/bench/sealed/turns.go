package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/bench/load"
	"github.com/hotpair/hotpair/simulator/bench/proc"
	"github.com/hotpair/hotpair/simulator/bench/result"
)

const (
	// quiet is a stretch of undisturbed service before a loss, settle how long answers are watched behind it.
	quiet  = 250 * time.Millisecond
	settle = 800 * time.Millisecond
	// warm is for how long clients work before they are counted.
	warm = 100 * time.Millisecond
	// rest is for how long a pair is watched that has nothing to do.
	rest = 10 * time.Second
)

// turns compares two pairs that run side by side: in each round first the one works and takes over, then the other, and the next time the other way
// round, so that the machine's moods meet both.
func turns(ctx context.Context, r *result.Result, o options) (err error) {
	pairs := map[bool]*measured{}
	// Garbage of this process would be collected in the middle of a takeover; see hoard in the bench beside it.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 30))
	defer func() {
		for _, m := range pairs {
			err = errors.Join(err, m.Stop())
		}
	}()
	if o.rounds == 0 {
		return nil
	}
	for _, sealed := range []bool{true, false} {
		if pairs[sealed], err = start(ctx, o.binary, o.terminal, sealed); err != nil {
			delete(pairs, sealed)
			return fmt.Errorf("%s: %w", way(sealed), err)
		}
	}
	for round := range o.rounds {
		order := []bool{true, false}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		if err := rates(ctx, r, o, pairs, order); err != nil {
			return fmt.Errorf("round %d: %w", round+1, err)
		}
		for _, sealed := range order {
			if err := pairs[sealed].takeover(ctx, r, o.clients, way(sealed)); err != nil {
				return fmt.Errorf("%s, round %d: %w", way(sealed), round+1, err)
			}
		}
	}
	return nil
}

// cuts are how many pieces a round's work of each pair is cut into, with the other's between them: the disk and the neighbours of this machine
// change from second to second by more than TLS costs.
const cuts = 8

// rates counts updates of one client, of some and of many, and what they cost the hosts, of both pairs in turns.
func rates(ctx context.Context, r *result.Result, o options, pairs map[bool]*measured, order []bool) error {
	for _, m := range pairs {
		if _, _, err := m.Whole(ctx); err != nil {
			return err
		}
	}
	for _, n := range []int{1, o.clients, 8 * o.clients} {
		done := map[bool]*work{true: {}, false: {}}
		for cut := range cuts {
			turn := slices.Clone(order)
			if cut%2 == 1 {
				slices.Reverse(turn)
			}
			for _, sealed := range turn {
				if err := pairs[sealed].work(ctx, done[sealed], n, o.each/cuts); err != nil {
					return fmt.Errorf("%s: %w", way(sealed), err)
				}
			}
		}
		for sealed, w := range done {
			row := fmt.Sprintf("kv.put, %d clients, %s", n, way(sealed))
			r.Add(row, "rate", "1/s", result.More, w.Rate())
			r.Add(row, "p50", "ms", result.Less, milliseconds(w.At(0.5)))
			r.Add(row, "p99", "ms", result.None, milliseconds(w.At(0.99)))
			r.Add(row, "processor of both hosts", "µs", result.None, float64(w.spent.Microseconds())/float64(len(w.Sorted)))
		}
	}
	return nil
}

// work is what clients did in some pieces of time, and what the hosts spent on it.
type work struct {
	load.Stretch
	spent time.Duration
}

// work has clients work for a while, and adds what they did.
func (m *measured) work(ctx context.Context, w *work, n int, long time.Duration) error {
	clients := m.Fleet.Clients(n)
	working, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		clients.Run(working, load.Put(1000))
	}()
	err := pace.Rest(ctx, warm)
	meter, began := proc.NewMeter(m.hosts()), time.Now()
	err = errors.Join(err, pace.Rest(ctx, long))
	used, _ := meter.Read()
	now := time.Now()
	stop()
	<-ended
	if err != nil {
		return err
	}
	s := clients.Look(began, now)
	if s.Failed > 0 || len(s.Sorted) == 0 {
		return fmt.Errorf("%w: of %d clients %d requests failed, %d were answered", errOtherwise, n, s.Failed, len(s.Sorted))
	}
	w.Add(s)
	for _, host := range used {
		w.spent += proc.Total(host).CPU
	}
	return nil
}

// errOtherwise says that a trial did not do what it was meant to.
var errOtherwise = errors.New("the trial went otherwise than it is meant to")

// takeover kills the active under load and measures how long writers felt it, and when the last terminal was answered.
func (m *measured) takeover(ctx context.Context, r *result.Result, writers int, how string) error {
	active, standby, err := m.Whole(ctx)
	if err != nil {
		return err
	}
	before, err := m.Status(ctx, active)
	if err != nil {
		return err
	}
	clients, knockers := m.Fleet.Clients(writers), m.Fleet.Clients(m.Terminals)
	working, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		clients.Run(working, load.Put(1000))
	}()
	defer func() {
		stop()
		<-ended
	}()
	if err := pace.Rest(ctx, quiet); err != nil {
		return err
	}
	loss := time.Now()
	killed := make(chan error, 1)
	go func() { killed <- m.Signal(active, syscall.SIGKILL) }()
	var heard atomic.Int64
	took := knockers.Knock(ctx, load.Put(1), &heard)
	if err := errors.Join(<-killed, pace.Rest(ctx, max(0, settle-time.Since(loss)))); err != nil {
		return err
	}
	s := clients.Look(loss, time.Now())
	after, err := m.Status(ctx, standby)
	if err != nil || after.Epoch <= before.Epoch || s.Failed > 0 || slices.Contains(took, 0) {
		return fmt.Errorf("%w: epoch %d after %d, %d requests failed (%w)", errOtherwise, after.Epoch, before.Epoch, s.Failed, err)
	}
	row := fmt.Sprintf("host killed, %d terminals, %s", m.Terminals, how)
	r.Add(row, "gap", "ms", result.Less, milliseconds(s.Longest))
	r.Add(row, "last terminal", "ms", result.Less, milliseconds(slices.Max(took)))
	return m.Restart(ctx, active)
}

// fleet measures memory and processor of a pair with many terminals: what their handshakes cost, what it costs to have them, and a takeover.
func fleet(ctx context.Context, r *result.Result, o options, terminals int, sealed bool) (err error) {
	began := time.Now()
	m, err := start(ctx, o.binary, terminals, sealed)
	if err != nil {
		return fmt.Errorf("%d terminals, %s: %w", terminals, way(sealed), err)
	}
	defer func() { err = errors.Join(err, m.Stop()) }()
	row := fmt.Sprintf("%d terminals, %s", terminals, way(sealed))
	r.Add(row, "until all are served", "s", result.None, time.Since(began).Seconds())
	spent := time.Duration(0)
	for _, host := range m.hosts() {
		for _, p := range host {
			spent += proc.UsageOf(p.PID).CPU
		}
	}
	r.Add(row, "processor of both hosts until then", "s", result.None, spent.Seconds())
	meter := proc.NewMeter(m.hosts())
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
		for _, p := range m.hosts()[host] {
			memory += proc.PSS(p.PID)
		}
		r.Add(row, "memory of the "+what, "MB", result.None, float64(memory)/1e6)
		r.Add(row, "processor of the "+what+" at rest", "% of a core", result.None, 100*proc.Total(used[host]).CPU.Seconds()/took.Seconds())
	}
	return m.takeover(ctx, r, o.clients, way(sealed))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
