package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/bench/limit"
	"github.com/hotpair/hotpair/simulator/bench/load"
	"github.com/hotpair/hotpair/simulator/bench/result"
	"github.com/hotpair/hotpair/simulator/bench/rivals"
	"github.com/hotpair/hotpair/simulator/bench/subject"
)

// peersBench has the pair and what a user would pick instead do the same client work in the same run.
type peersBench struct {
	source   string
	systems  names
	clients  numbers
	rounds   int
	duration time.Duration
	trials   int
	shipped  int
	writers  int
}

func (p *peersBench) options(f *options) {
	p.systems, p.clients = names{"hotpair", "etcd", "redis"}, numbers{1, 8, 64, 256}
	f.StringVar(&p.source, "source", "simulator/bench/peers", "folder of the module with the clients of etcd and Redis")
	f.Var(&p.systems, "systems", "what is measured")
	f.Var(&p.clients, "clients", "numbers of closed-loop writers")
	f.IntVar(&p.rounds, "rounds", 3, "rounds, in each of which everything is measured once")
	f.DurationVar(&p.duration, "duration", 2*time.Second, "length of each measurement of a rate")
	f.IntVar(&p.trials, "trials", 5, "kills of the leader, each of a system of its own: hotpair, and the others tuned")
	f.IntVar(&p.shipped, "shipped-trials", 2, "kills of the leader of the others with their shipped settings; Redis needs 45 s for each")
	f.IntVar(&p.writers, "writers", 8, "closed-loop writers while the leader is killed")
	f.inShort("rounds", "1")
	f.inShort("duration", "1s")
	f.inShort("trials", "1")
	f.inShort("shipped-trials", "1")
}

const (
	// tries are how long an application waits for an answer before it sends again: with shipped settings as a patient one
	// does, with tuned ones as somebody who tunes would set it.
	shippedTry = time.Second
	tunedTry   = 200 * time.Millisecond
	// before a kill everybody works undisturbed.
	undisturbed = time.Second
)

// target is a system with a setting, and how long it may take to come back after its leader was killed.
type target struct {
	system  string
	setting rivals.Setting
	try     time.Duration
	watch   time.Duration
	trials  int
}

func (p *peersBench) targets() []target {
	return []target{
		{"hotpair", rivals.Setting{Name: "shipped"}, 0, 2 * time.Second, p.trials},
		{"etcd", rivals.Setting{Name: "tuned", HeartbeatMS: 10, ElectionMS: 100}, tunedTry, 6 * time.Second, p.trials},
		{"redis", rivals.Setting{Name: "tuned", DownMS: 250, FailoverMS: 2000}, tunedTry, 12 * time.Second, p.trials},
		{"etcd", rivals.Setting{Name: "shipped"}, shippedTry, 10 * time.Second, p.shipped},
		{"redis", rivals.Setting{Name: "shipped"}, shippedTry, 45 * time.Second, p.shipped},
	}
}

func (p *peersBench) measure(ctx context.Context, r *run) (err error) {
	dir, err := os.MkdirTemp("", "hotpair-bench-peers-")
	if err != nil {
		return fmt.Errorf("peers: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	driver := filepath.Join(dir, "peers")
	build := exec.CommandContext(ctx, "go", "build", "-o", driver, ".")
	build.Dir, build.Stderr = p.source, os.Stderr
	built := build.Run()
	usable := map[string]bool{}
	for _, name := range p.systems {
		problem := built
		switch name {
		case "hotpair":
			problem = nil
		case "etcd", "redis":
			if missing := rivals.Available(name); missing != nil {
				problem = missing
			}
		default:
			return fmt.Errorf("%w: no system %q", errUsage, name)
		}
		if problem != nil {
			r.say("SKIPPED, NOTHING OF %s WAS MEASURED: %v", name, problem)
			r.result.Note("%s was not measured: %v", name, problem)
			continue
		}
		usable[name] = true
	}
	for round := range p.rounds {
		r.say("round %d of %d", round+1, p.rounds)
		if err := p.round(ctx, r, driver, usable); err != nil {
			return err
		}
	}
	for _, t := range p.targets() {
		if !usable[t.system] {
			continue
		}
		for trial := range t.trials {
			if err := p.kill(ctx, r, driver, t, trial); err != nil {
				return fmt.Errorf("%s %s, kill %d: %w", t.system, t.setting.Name, trial+1, err)
			}
		}
	}
	return nil
}

// round measures rates. Each system runs alone.
func (p *peersBench) round(ctx context.Context, r *run, driver string, usable map[string]bool) error {
	rates, shared := map[string]map[int]float64{"limit": {}}, map[int]float64{}
	for _, n := range p.clients {
		raw, err := limit.Measure(ctx, n, record, p.duration/2)
		if err != nil {
			return err
		}
		rates["limit"][n] = raw
		r.result.Add(fmt.Sprintf("limit, %d clients", n), "rate", "1/s", result.None, raw)
	}
	for _, name := range p.systems {
		if !usable[name] {
			continue
		}
		measureRate, stop, err := p.open(ctx, r, driver, name)
		if err != nil {
			return err
		}
		rates[name] = map[int]float64{}
		for _, n := range p.clients {
			if rates[name][n], err = tellRate(r, name, crowd{n, n}, rates["limit"][n], measureRate); err != nil {
				break
			}
			if name != "hotpair" || n <= sharedByWriters {
				continue
			}
			if shared[n], err = tellRate(r, name, crowd{n, sharedByWriters}, rates["limit"][n], measureRate); err != nil {
				break
			}
		}
		if err := errors.Join(err, stop()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, other := range p.systems {
		for n, rate := range rates[other] {
			if own := rates["hotpair"][n]; other != "hotpair" && own > 0 && rate > 0 {
				r.result.Add(fmt.Sprintf("hotpair, %d clients", n), "times "+other, "", result.More, own/rate)
			}
			if other != "hotpair" && shared[n] > 0 && rate > 0 {
				r.result.Add("hotpair, "+crowd{n, sharedByWriters}.String(), "times "+other, "", result.More, shared[n]/rate)
			}
		}
	}
	return nil
}

// sharedByWriters is how many connections all writers share in the second measurement of the pair: as many as etcd's writers
// have clients (mostClients in peers).
const sharedByWriters = 16

// tellRate measures the rate of a crowd and adds it to the result.
func tellRate(r *run, name string, who crowd, limit float64, measureRate func(crowd) (load.Stretch, error)) (float64, error) {
	s, err := measureRate(who)
	if err != nil {
		return 0, err
	}
	row := fmt.Sprintf("%s, %v", name, who)
	direction := result.None // how fast others are is told, not judged
	if name == "hotpair" {
		direction = result.More
	}
	r.result.Add(row, "rate", "1/s", direction, s.Rate())
	r.result.Add(row, "of the limit", "", direction, s.Rate()/limit)
	r.result.Add(row, "p50", "ms", result.None, ms(s.At(0.5)))
	r.result.Add(row, "p99", "ms", result.None, ms(s.At(0.99)))
	r.result.Add(row, "failed", "", result.None, float64(s.Failed))
	r.say("%-40s %8.0f/s  %.3f of the limit  p50 %.2f  p99 %.2f ms, %d failed", row, s.Rate(), s.Rate()/limit, ms(s.At(0.5)), ms(s.At(0.99)), s.Failed)
	return s.Rate(), nil
}

// open starts a system and gives how to measure its rate.
func (p *peersBench) open(ctx context.Context, r *run, driver, name string) (func(who crowd) (load.Stretch, error), func() error, error) {
	if name == "hotpair" {
		c, err := subject.Start(ctx, r.binary, 64)
		if err != nil {
			return nil, nil, err
		}
		if _, _, err := c.Whole(ctx); err != nil {
			return nil, nil, errors.Join(err, c.Stop())
		}
		return func(who crowd) (load.Stretch, error) {
			m, err := measureLoad(ctx, c, load.Put(1000), who, p.duration)
			return m.Stretch, err
		}, c.Stop, nil
	}
	s, err := start(ctx, name, rivals.Setting{}, 1)
	if err != nil {
		return nil, nil, err
	}
	return func(who crowd) (load.Stretch, error) {
		var from time.Time
		clients, err := drive(ctx, driver, s, who.clients, shippedTry, func() error {
			if err := pace.Rest(ctx, warmUp); err != nil {
				return err
			}
			from = time.Now()
			return pace.Rest(ctx, p.duration)
		})
		if err != nil {
			return load.Stretch{}, err
		}
		return clients.Look(from, from.Add(p.duration)), nil
	}, s.Stop, nil
}

// start starts one of the others.
func start(ctx context.Context, name string, setting rivals.Setting, replicas int) (*rivals.System, error) {
	if name == "etcd" {
		return rivals.StartEtcd(ctx, setting)
	}
	return rivals.StartRedis(ctx, setting, replicas)
}

// kill measures the longest gap after SIGKILL of the leader of a system of its own.
func (p *peersBench) kill(ctx context.Context, r *run, driver string, t target, trial int) (err error) {
	var s load.Stretch
	if t.system == "hotpair" {
		s, err = p.killPair(ctx, r, t)
	} else {
		s, err = p.killOther(ctx, r, driver, t)
	}
	if err != nil {
		return err
	}
	row := fmt.Sprintf("%s %s, leader killed", t.system, t.setting.Name)
	direction := result.None
	if t.system == "hotpair" {
		direction = result.Less
	}
	if s.Longest >= t.watch {
		r.result.Note("%s, kill %d: not all writers were answered within the %s that are watched; the gap is at least that", row, trial+1, t.watch)
	}
	r.result.Add(row, "gap", "ms", direction, ms(s.Longest))
	r.result.Add(row, "failed tries", "", direction, float64(s.Failed))
	r.say("kill %d  %-34s gap %8.1f ms, %d failed tries", trial+1, row, ms(s.Longest), s.Failed)
	return nil
}

func (p *peersBench) killPair(ctx context.Context, r *run, t target) (s load.Stretch, err error) {
	c, err := subject.Start(ctx, r.binary, p.writers)
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
	if w.writers, err = load.Connect(c.Addresses(), p.writers, nil); err != nil {
		return s, err
	}
	w.begin(ctx)
	if err := pace.Rest(ctx, undisturbed); err != nil {
		return s, err
	}
	now := time.Now()
	if err := c.Signal(active, syscall.SIGKILL); err != nil {
		return s, err
	}
	if err := pace.Rest(ctx, t.watch); err != nil {
		return s, err
	}
	return w.writers.Look(now, now.Add(t.watch)), nil
}

func (p *peersBench) killOther(ctx context.Context, r *run, driver string, t target) (s load.Stretch, err error) {
	system, err := start(ctx, t.system, t.setting, 2)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, system.Stop()) }()
	if r.result.Settings[t.system] == "" {
		r.result.Settings[t.system] = system.Version
	}
	var now time.Time
	clients, err := drive(ctx, driver, system, p.writers, t.try, func() (err error) {
		if err := pace.Rest(ctx, undisturbed); err != nil {
			return err
		}
		if now, err = system.KillLeader(ctx); err != nil {
			return err
		}
		return pace.Rest(ctx, t.watch)
	})
	if err != nil {
		return s, err
	}
	return clients.Look(now, now.Add(t.watch)), nil
}

var errDriver = errors.New("client of another system")

// drive lets clients of another system work, does something meanwhile, and gives what they were answered.
func drive(ctx context.Context, driver string, s *rivals.System, clients int, try time.Duration, meanwhile func() error) (*load.Clients, error) {
	job := map[string]any{"system": s.Name, "endpoints": s.Endpoints, "master": rivals.Master, "clients": clients, "try_ns": try, "duration_ns": 5 * time.Minute}
	text, err := json.Marshal(job)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDriver, err)
	}
	// What outlives this process notices that its standard input has ended.
	cmd := exec.CommandContext(ctx, driver)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDriver, err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDriver, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", errDriver, err)
	}
	o, err := exchange(ctx, in, out, text, meanwhile)
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return nil, fmt.Errorf("%w: %w", errDriver, err)
	}
	return load.Recorded(o.Answers, o.Failed), nil
}
