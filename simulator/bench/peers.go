package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/hotpair/hotpair/simulator/bench/comparison"
	"github.com/hotpair/hotpair/simulator/bench/rivals"
)

// peersBench has the pair and what a user would pick instead do the same client work in the same run.
type peersBench struct {
	source   string
	systems  names
	writers  numbers
	readers  numbers
	rounds   int
	duration time.Duration
	trials   int
	freezes  int
	masters  int
	shipped  int

	driver string // the program that is the clients of the others
}

func (p *peersBench) options(f *options) {
	p.systems = names{comparison.Pair, comparison.StandIns, comparison.Etcd, comparison.Leader, comparison.Redis}
	p.writers, p.readers = numbers{1, 8, 64, 256}, numbers{1, 64}
	f.StringVar(&p.source, "source", "simulator/bench/peers", "folder of the module with the clients of etcd and Redis")
	f.Var(&p.systems, "systems", "systems to measure")
	f.Var(&p.writers, "clients", "numbers of closed-loop writers")
	f.Var(&p.readers, "readers", "numbers of closed-loop readers")
	f.IntVar(&p.rounds, "rounds", 3, "rounds; each measures every rate once")
	f.DurationVar(&p.duration, "duration", 1200*time.Millisecond, "length of each rate measurement")
	f.IntVar(&p.trials, "trials", 9, "kills of the leader, each in a new system: hotpair as shipped, etcd tuned")
	f.IntVar(&p.freezes, "freezes", 5, "freezes of the leader of the same systems")
	f.IntVar(&p.masters, "redis-trials", 1, "kills of the master of Redis, tuned")
	f.IntVar(&p.shipped, "shipped-trials", 1, "kills of the leader of the other systems with their shipped settings; Redis needs 40 s for each")
	f.inShort("rounds", "1")
	f.inShort("duration", "500ms")
	f.inShort("trials", "1")
	f.inShort("freezes", "1")
	f.inShort("redis-trials", "1")
	f.inShort("shipped-trials", "0")
}

// works are what is measured of each system in each round.
func (p *peersBench) works() (list []comparison.Work) {
	for _, n := range p.writers {
		list = append(list, comparison.Work{Clients: n})
	}
	for _, n := range p.readers {
		list = append(list, comparison.Work{Clients: n, Reads: true})
	}
	return list
}

func (p *peersBench) measure(ctx context.Context, r *run) (err error) {
	dir, err := os.MkdirTemp("", "hotpair-bench-peers-")
	if err != nil {
		return fmt.Errorf("peers: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p.driver = filepath.Join(dir, "peers")
	build := exec.CommandContext(ctx, "go", "build", "-o", p.driver, ".")
	build.Dir, build.Stderr = p.source, os.Stderr
	usable, err := p.usable(r, build.Run())
	if err != nil {
		return err
	}
	for round := range p.rounds {
		r.say("round %d of %d", round+1, p.rounds)
		if err := p.round(ctx, r, usable); err != nil {
			return err
		}
	}
	return p.losses(ctx, r, usable)
}

// usable gives the systems that can be measured here, in order, and notes which can't; built is what came of building the clients
// of the others.
func (p *peersBench) usable(r *run, built error) (list []string, err error) {
	for _, name := range p.systems {
		problem := error(nil)
		switch name {
		case comparison.Pair, comparison.StandIns:
		case comparison.Etcd, comparison.Leader, comparison.Redis:
			if problem = rivals.Available(programOf(name)); problem == nil {
				problem = built
			}
		default:
			return nil, fmt.Errorf("%w: unknown system %q", errUsage, name)
		}
		if problem != nil {
			r.say("SKIPPED, NOTHING OF %s WAS MEASURED: %v", name, problem)
			r.result.Note("%s was not measured: %v", name, problem)
			continue
		}
		list = append(list, name)
	}
	return list, nil
}

const (
	// tries are how long an application waits for an answer before it sends again: with shipped settings as a patient one
	// does, with tuned ones as somebody who tunes would set it.
	shippedTry = time.Second
	tunedTry   = 200 * time.Millisecond
)

// programOf tells what runs for a system.
func programOf(name string) string {
	if name == comparison.Leader {
		return comparison.Etcd
	}
	return name
}

// start starts one of the others.
func start(ctx context.Context, r *run, name string, setting rivals.Setting, replicas int) (s *rivals.System, err error) {
	if name == comparison.Etcd {
		s, err = rivals.StartEtcd(ctx, setting)
	} else {
		s, err = rivals.StartRedis(ctx, setting, replicas)
	}
	if err == nil {
		r.result.Settings[name] = s.Version
	}
	return s, err
}
