package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/bench/comparison"
	"github.com/hotpair/hotpair/simulator/bench/load"
	"github.com/hotpair/hotpair/simulator/bench/result"
	"github.com/hotpair/hotpair/simulator/bench/rivals"
	"github.com/hotpair/hotpair/simulator/bench/subject"
)

// undisturbed is how long everybody works before a loss.
const undisturbed = 500 * time.Millisecond

// target is a system with a setting, what happens to its leader, and how long it may take to come back from that.
type target struct {
	system  string
	setting rivals.Setting
	loss    string
	try     time.Duration
	watch   time.Duration
	trials  int
}

func (t target) row() string { return comparison.LossRow(t.system, t.setting.Name, t.loss) }

func (t target) signal() syscall.Signal {
	if t.loss == comparison.Frozen {
		return syscall.SIGSTOP
	}
	return syscall.SIGKILL
}

func (p *peersBench) targets() []target {
	shipped := rivals.Setting{Name: comparison.Shipped}
	etcd := rivals.Setting{Name: comparison.Tuned, HeartbeatMS: 10, ElectionMS: 100}
	// With 250 ms, which is also how often they ask then, sentinels suspect each master that they have just connected to, and change it
	// again and again.
	redis := rivals.Setting{Name: comparison.Tuned, DownMS: 500, FailoverMS: 2000}
	return []target{
		{comparison.Pair, shipped, comparison.Killed, 0, time.Second, p.trials},
		{comparison.Etcd, etcd, comparison.Killed, tunedTry, 2 * time.Second, p.trials},
		{comparison.Pair, shipped, comparison.Frozen, 0, 1500 * time.Millisecond, p.freezes},
		{comparison.Etcd, etcd, comparison.Frozen, tunedTry, 2 * time.Second, p.freezes},
		{comparison.Redis, redis, comparison.Killed, tunedTry, 6 * time.Second, p.masters},
		{comparison.Etcd, shipped, comparison.Killed, shippedTry, 6 * time.Second, p.shipped},
		{comparison.Redis, shipped, comparison.Killed, shippedTry, 40 * time.Second, p.shipped},
	}
}

// losses measures the longest gap after the loss of a leader, each of a system of its own, all targets in turn.
func (p *peersBench) losses(ctx context.Context, r *run, systems []string) error {
	for trial, more := 0, true; more; trial++ {
		more = false
		for _, t := range p.targets() {
			if trial >= t.trials || !slices.Contains(systems, t.system) {
				continue
			}
			more = true
			if err := p.lose(ctx, r, t, trial); err != nil {
				return fmt.Errorf("%s, trial %d: %w", t.row(), trial+1, err)
			}
		}
	}
	return nil
}

// lose measures one loss.
func (p *peersBench) lose(ctx context.Context, r *run, t target, trial int) (err error) {
	var s load.Stretch
	direction := result.None
	if t.system == comparison.Pair {
		direction = result.Less
		s, err = losePair(ctx, r, t)
	} else {
		s, err = p.loseOther(ctx, r, t)
	}
	if err != nil {
		return err
	}
	if s.Longest >= t.watch {
		r.result.Note("%s, trial %d: not all writers were answered within %s; the gap is at least that long", t.row(), trial+1, t.watch)
	}
	r.result.Add(t.row(), comparison.Gap, "ms", direction, ms(s.Longest))
	r.result.Add(t.row(), "failed tries", "", direction, float64(s.Failed))
	r.say("trial %d  %-34s gap %8.1f ms, %d failed tries", trial+1, t.row(), ms(s.Longest), s.Failed)
	return nil
}

func losePair(ctx context.Context, r *run, t target) (s load.Stretch, err error) {
	c, err := subject.Start(ctx, r.binary, comparison.Shared)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	active, _, err := c.Whole(ctx)
	if err != nil {
		return s, err
	}
	w := &workers{}
	defer w.close()
	if w.writers, err = load.Connect(c.Addresses(), comparison.Shared, nil); err != nil {
		return s, err
	}
	w.begin(ctx)
	if err := pace.Rest(ctx, undisturbed); err != nil {
		return s, err
	}
	now := time.Now()
	if err := c.Signal(active, t.signal()); err != nil {
		return s, err
	}
	if t.signal() == syscall.SIGSTOP { // what is frozen can't be ended in order
		defer func() { err = errors.Join(err, c.Signal(active, syscall.SIGCONT)) }()
	}
	if err := pace.Rest(ctx, t.watch); err != nil {
		return s, err
	}
	return w.writers.Look(now, now.Add(t.watch)), nil
}

func (p *peersBench) loseOther(ctx context.Context, r *run, t target) (s load.Stretch, err error) {
	system, err := start(ctx, r, t.system, t.setting, 2)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, system.Stop()) }()
	var now time.Time
	job := rivals.Job{Clients: comparison.Shared, Connections: comparison.Shared, Try: t.try}
	clients, err := system.Drive(ctx, p.driver, job, func(int) (err error) {
		if err := pace.Rest(ctx, undisturbed); err != nil {
			return err
		}
		if now, err = system.SignalLeader(ctx, t.signal()); err != nil {
			return err
		}
		return pace.Rest(ctx, t.watch)
	})
	if err != nil {
		return s, err
	}
	return clients.Look(now, now.Add(t.watch)), nil
}
