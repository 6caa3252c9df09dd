package turns

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
)

// Run compares two pairs that run side by side: in each round first the one works and takes over, then the other, and the next time the other way
// round, so that the machine's moods meet both.
func Run(ctx context.Context, r *result.Result, o Options, sides [2]Side) (err error) {
	if o.Rounds == 0 {
		return nil
	}
	var pairs [2]*Pair
	// Garbage of this process would be collected in the middle of a takeover; see hoard in the bench beside it.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 30))
	defer func() {
		for _, m := range pairs {
			if m != nil {
				err = errors.Join(err, m.Stop())
			}
		}
	}()
	for i, s := range sides {
		if pairs[i], err = Start(ctx, s, o.Terminals); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	for round := range o.Rounds {
		order := []*Pair{pairs[round%2], pairs[(round+1)%2]}
		if err := rates(ctx, r, o, order); err != nil {
			return fmt.Errorf("round %d: %w", round+1, err)
		}
		for _, m := range order {
			if err := m.Takeover(ctx, r, o.Clients); err != nil {
				return fmt.Errorf("%s, round %d: %w", m.Side.Name, round+1, err)
			}
		}
		fmt.Printf("round %d of %d\n", round+1, o.Rounds)
	}
	return nil
}

// cuts are how many pieces a round's work of each pair is cut into, with the other's between them: the disk and the neighbours of this machine
// change from second to second by more than what is compared.
const cuts = 8

// rates counts updates of one client, of some and of many, and what they cost the hosts, of both pairs in turns.
func rates(ctx context.Context, r *result.Result, o Options, pairs []*Pair) error {
	for _, m := range pairs {
		if _, _, err := m.Whole(ctx); err != nil {
			return err
		}
	}
	for _, n := range []int{1, o.Clients, 8 * o.Clients} {
		done := []work{{}, {}}
		for cut := range 2 * cuts {
			turn := (cut + cut/2) % 2 // one, other, other, one
			if err := pairs[turn].work(ctx, &done[turn], n, o.Each/cuts); err != nil {
				return fmt.Errorf("%s: %w", pairs[turn].Side.Name, err)
			}
		}
		for i, w := range done {
			row := fmt.Sprintf("kv.put, %d clients, %s", n, pairs[i].Side.Name)
			r.Add(row, "rate", "1/s", result.More, w.Rate())
			r.Add(row, "p50", "ms", result.Less, milliseconds(w.At(0.5)))
			r.Add(row, "p99", "ms", result.None, milliseconds(w.At(0.99)))
			r.Add(row, "processor of both hosts", "µs", result.None, float64(w.spent.Microseconds())/float64(max(len(w.Sorted), 1)))
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
func (m *Pair) work(ctx context.Context, w *work, n int, long time.Duration) error {
	clients := m.Fleet.Clients(n)
	working, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		clients.Run(working, load.Put(1000))
	}()
	err := pace.Rest(ctx, warm)
	meter, began := proc.NewMeter(m.Hosts()), time.Now()
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
var errOtherwise = errors.New("the trial did not go as intended")

// Takeover kills the active under load and measures how long writers felt it, and when the last terminal was answered.
func (m *Pair) Takeover(ctx context.Context, r *result.Result, writers int) error {
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
	row := fmt.Sprintf("host killed, %d terminals, %s", m.Terminals, m.Side.Name)
	r.Add(row, "gap", "ms", result.Less, milliseconds(s.Longest))
	r.Add(row, "last terminal", "ms", result.Less, milliseconds(slices.Max(took)))
	return m.Restart(ctx, active)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
