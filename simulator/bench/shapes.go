package main

import (
	"context"
	"errors"
	"time"

	"github.com/hotpair/hotpair/simulator/bench/chain"
)

// shapesBench is what the place of the bus is worth: the bare chain in each of its shapes, in turns.
type shapesBench struct {
	clients  numbers
	shapes   names
	rounds   int
	duration time.Duration
	agents   int
}

func (s *shapesBench) options(f *options) {
	s.clients = numbers{1, 8, 64, 256}
	s.shapes = names{string(chain.Apart), string(chain.InKeeper), string(chain.InBoth)}
	f.Var(&s.clients, "clients", "numbers of closed-loop clients")
	f.Var(&s.shapes, "shapes", "shapes of the chain")
	f.IntVar(&s.rounds, "rounds", 7, "rounds; each measures everything once")
	f.DurationVar(&s.duration, "duration", 2*time.Second, "length of each measurement")
	f.IntVar(&s.agents, "terminals", 8, "terminals, each with one connection that the clients share")
	f.inShort("rounds", "2")
	f.inShort("duration", "1s")
}

func (s *shapesBench) measure(ctx context.Context, r *run) (err error) {
	var running []*bareChain
	defer func() {
		for _, c := range running {
			err = errors.Join(err, c.stop())
		}
	}()
	for _, shape := range s.shapes {
		c, err := startChain(ctx, chain.Shape(shape), s.agents)
		if err != nil {
			return err
		}
		running = append(running, c)
	}
	for round := range s.rounds {
		r.say("round %d of %d", round+1, s.rounds)
		for _, n := range s.clients {
			for _, c := range running {
				if _, err := c.measure(ctx, r, crowd{n, min(n, s.agents)}, s.duration); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
