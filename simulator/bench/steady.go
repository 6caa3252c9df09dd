package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/simulator/bench/load"
	"github.com/hotpair/hotpair/simulator/bench/result"
)

// steadyBench loads the machine from outside and counts takeovers that nobody needs.
type steadyBench struct {
	duration time.Duration
	leases   names
	burners  int
	disks    int
	clients  int
}

func (b *steadyBench) options(f *options) {
	b.leases = names{"1s", "250ms"}
	f.DurationVar(&b.duration, "duration", 10*time.Minute, "how long each lease is tried")
	f.Var(&b.leases, "leases", "values of HOTPAIR_LEASE")
	f.IntVar(&b.burners, "burners", 2*runtime.NumCPU(), "processes that do nothing but burn processor time")
	f.IntVar(&b.disks, "disks", 2, "processes that do nothing but write and fsync")
	f.IntVar(&b.clients, "clients", 4, "closed-loop writers")
	f.inShort("duration", "20s")
}

// commandBurn is how bench starts itself as a burden of the machine.
const commandBurn = "burn"

func (b *steadyBench) measure(ctx context.Context, r *run) error {
	for _, lease := range b.leases {
		if _, err := time.ParseDuration(lease); err != nil {
			return fmt.Errorf("%w: -leases: %w", errUsage, err)
		}
		if err := b.lease(ctx, r, lease); err != nil {
			return fmt.Errorf("lease %s: %w", lease, err)
		}
	}
	return nil
}

func (b *steadyBench) lease(ctx context.Context, r *run, lease string) (err error) {
	c, err := startCluster(ctx, r.binary, 8, "HOTPAIR_LEASE="+lease)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	if _, _, err := c.whole(ctx); err != nil {
		return err
	}
	clients, err := load.Connect(c.addresses(), b.clients, nil)
	if err != nil {
		return err
	}
	defer clients.Close()
	working, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		clients.Run(working, load.Put(1000))
	}()
	defer func() { end(); <-ended }()
	calm, err := b.look(ctx, c)
	if err != nil {
		return err
	}
	quit, err := b.burden()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, quit()) }()
	r.say("lease %s: %d processes burn, %d write and fsync, for %s", lease, b.burners, b.disks, b.duration)
	from := time.Now()
	said := from
	var last seen
	for time.Since(from) < b.duration {
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
		if now, err := b.look(ctx, c); err == nil { // under this load a status may come late
			last = now
		}
		if time.Since(said) >= 30*time.Second || last.epoch > calm.epoch && last.epoch != 0 && said == from {
			said = time.Now()
			r.say("%6s: epoch %d, version %d of the record, %d answers", time.Since(from).Round(time.Second), last.epoch, last.version, clients.Acknowledged())
		}
	}
	if last, err = b.look(ctx, c); err != nil {
		return err
	}
	s := clients.Look(from, time.Now())
	row := "lease " + lease
	r.result.Add(row, "takeovers", "", result.Less, float64(last.epoch-calm.epoch))
	r.result.Add(row, "changes of the pair record", "", result.Less, float64(last.version-calm.version))
	r.result.Add(row, "longest gap", "ms", result.Less, ms(s.Longest))
	r.result.Add(row, "rate", "1/s", result.None, s.Rate())
	r.result.Add(row, "failed requests", "", result.Less, float64(s.Failed))
	r.say("lease %s: %d takeovers, %d changes of the record, longest gap %.0f ms, %.0f answers a second, %d failed", lease,
		last.epoch-calm.epoch, last.version-calm.version, ms(s.Longest), s.Rate(), s.Failed)
	for _, e := range last.events {
		if e.Time.After(from) {
			r.say("  %s %s %s %s", e.Time.Format("15:04:05.000"), e.Host, e.Step, e.Text)
			r.result.Note("lease %s, after %s: %s: %s", lease, e.Time.Sub(from).Round(time.Millisecond), e.Host, e.Text)
		}
	}
	return nil
}

// seen is what both hosts say of the pair.
type seen struct {
	epoch, version uint64
	events         []operator.Event
}

func (b *steadyBench) look(ctx context.Context, c *cluster) (s seen, err error) {
	for range 10 {
		found := c.statuses(ctx)
		for _, status := range found {
			s.epoch, s.version = max(s.epoch, status.Epoch), max(s.version, status.RecordVersion)
			s.events = append(s.events, status.Events...)
		}
		if len(found) > 0 {
			return s, nil
		}
		if err := sleep(ctx, time.Second); err != nil {
			return s, err
		}
	}
	return s, fmt.Errorf("neither %s nor %s answers: %w", local.HostA, local.HostB, errNotReady)
}

// burden loads the machine with processes of their own, until quit.
func (b *steadyBench) burden() (quit func() error, err error) {
	dir, err := os.MkdirTemp("", "hotpair-bench-burden-")
	if err != nil {
		return nil, fmt.Errorf("burden: %w", err)
	}
	var children []*process.Child
	quit = func() error {
		var failed []error
		for _, child := range children {
			failed = append(failed, child.Kill())
		}
		for _, child := range children {
			child.Wait()
		}
		return errors.Join(append(failed, os.RemoveAll(dir))...)
	}
	for i := range b.burners + b.disks {
		args := []string{commandBurn}
		if i >= b.burners {
			args = append(args, filepath.Join(dir, strconv.Itoa(i)))
		}
		child, err := process.Start(process.Spec{Name: commandBurn, Path: "/proc/self/exe", Args: args, Environ: []string{"GOMAXPROCS=1"}, Group: true})
		if err != nil {
			return nil, errors.Join(err, quit())
		}
		children = append(children, child)
	}
	return quit, nil
}

// burn is one process of the burden: without a file it burns processor time, with one it writes and fsyncs. It ends with
// ctx, or with its parent.
func burn(ctx context.Context, args []string) error {
	if len(args) == 0 {
		for n := 0; ; n++ {
			if n&(1<<20-1) == 0 && ctx.Err() != nil {
				return nil
			}
		}
	}
	f, err := os.Create(args[0])
	if err != nil {
		return fmt.Errorf("burden: %w", err)
	}
	defer f.Close()
	block := []byte(strings.Repeat("0123456789abcdef", 1<<16)) // 1 MiB
	for n := int64(0); ctx.Err() == nil; n++ {
		if _, err := f.WriteAt(block, n%64*int64(len(block))); err != nil {
			return fmt.Errorf("burden: %w", err)
		}
		if err := f.Sync(); err != nil {
			return fmt.Errorf("burden: %w", err)
		}
	}
	return nil
}
