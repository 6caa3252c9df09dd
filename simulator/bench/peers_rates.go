package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/bench/comparison"
	"github.com/hotpair/hotpair/simulator/bench/limit"
	"github.com/hotpair/hotpair/simulator/bench/load"
	"github.com/hotpair/hotpair/simulator/bench/proc"
	"github.com/hotpair/hotpair/simulator/bench/result"
	"github.com/hotpair/hotpair/simulator/bench/rivals"
	"github.com/hotpair/hotpair/simulator/bench/subject"
)

// contender is a system that runs, alone on the machine.
type contender struct {
	measure func(w comparison.Work) (measured, error)
	stop    func() error
}

// round measures the rates of all systems in turn, and the limit of the moment before them.
func (p *peersBench) round(ctx context.Context, r *run, systems []string) error {
	rates := map[string]map[comparison.Work]float64{comparison.Limit: {}}
	for _, w := range p.works() {
		if w.Reads {
			continue
		}
		raw, err := limit.Measure(ctx, w.Clients, record, p.duration/2)
		if err != nil {
			return err
		}
		rates[comparison.Limit][w] = raw
		r.result.Add(w.Row(comparison.Limit), comparison.Rate, "1/s", result.None, raw)
		r.say("%-44s %8.0f/s", w.Row(comparison.Limit), raw)
	}
	for _, name := range systems {
		c, err := p.open(ctx, r, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		rates[name] = map[comparison.Work]float64{}
		for _, w := range p.works() {
			m, failed := c.measure(w)
			if err = failed; err != nil {
				break
			}
			rates[name][w] = m.Rate()
			m.compare(r, name, w, rates[comparison.Limit][w])
		}
		if err := errors.Join(err, c.stop()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, own := range []string{comparison.Pair, comparison.StandIns} {
		for _, other := range []string{comparison.Etcd, comparison.Leader, comparison.Redis} {
			for _, w := range p.works() {
				if rates[own][w] > 0 && rates[other][w] > 0 {
					r.result.Add(w.Row(own), comparison.Times(other), "", result.More, rates[own][w]/rates[other][w])
				}
			}
		}
	}
	return nil
}

// compare adds what a system did and what that cost. raw is the limit of the moment, 0 for reads, which have none.
func (m measured) compare(r *run, name string, w comparison.Work, raw float64) {
	row, more, less := w.Row(name), result.None, result.None // how the others fare is told, not judged
	if name == comparison.Pair || name == comparison.StandIns {
		more, less = result.More, result.Less
	}
	r.result.Add(row, comparison.Rate, "1/s", more, m.Rate())
	share := ""
	if raw > 0 {
		r.result.Add(row, comparison.OfLimit, "", more, m.Rate()/raw)
		share = fmt.Sprintf("%.3f of the limit  ", m.Rate()/raw)
	}
	r.result.Add(row, comparison.P50, "ms", less, ms(m.At(0.5)))
	r.result.Add(row, "p99", "ms", less, ms(m.At(0.99)))
	r.result.Add(row, "failed", "", less, float64(m.Failed))
	micros := func(u proc.Usage) float64 { return float64(u.CPU.Microseconds()) / float64(max(len(m.Sorted), 1)) }
	servers, agents, clients := comparison.Costs(m.used)
	r.result.Add(row, comparison.Servers, "µs/request", less, micros(servers))
	if name == comparison.Pair {
		r.result.Add(row, comparison.Agents, "µs/request", less, micros(agents))
	}
	r.result.Add(row, "cpu of the clients", "µs/request", result.None, micros(clients))
	r.say("%-44s %8.0f/s  %sp50 %.2f  p99 %.2f ms, %.0f µs of servers, %.0f of agents, %.0f of clients, %d failed", row, m.Rate(), share,
		ms(m.At(0.5)), ms(m.At(0.99)), micros(servers), micros(agents), micros(clients), m.Failed)
}

// open starts a system, whose clients share connections as those of all others.
func (p *peersBench) open(ctx context.Context, r *run, name string) (contender, error) {
	switch name {
	case comparison.Pair:
		c, err := subject.Start(ctx, r.binary, comparison.Shared)
		if err != nil {
			return contender{}, err
		}
		if _, _, err := c.Whole(ctx); err != nil {
			return contender{}, errors.Join(err, c.Stop())
		}
		return contender{stop: c.Stop, measure: func(w comparison.Work) (measured, error) {
			return measureLoad(ctx, c, operationOf(w), crowd{w.Clients, w.Connections()}, p.duration)
		}}, nil
	case comparison.StandIns:
		c, err := startLight(ctx, r.binary, comparison.Shared, false)
		if err != nil {
			return contender{}, err
		}
		return contender{stop: c.Stop, measure: func(w comparison.Work) (measured, error) {
			clients := c.Fleet.Clients(w.Clients)
			defer clients.Close()
			if err := clients.Prepare(ctx, operationOf(w)); err != nil {
				return measured{}, err
			}
			return watchLoad(ctx, c, clients, operationOf(w), p.duration)
		}}, nil
	}
	s, err := start(ctx, r, programOf(name), rivals.Setting{}, 1)
	if err != nil {
		return contender{}, err
	}
	var at []string
	if name == comparison.Leader {
		leader, err := s.LeaderEndpoint(ctx)
		if err != nil {
			return contender{}, errors.Join(err, s.Stop())
		}
		at = []string{leader}
	}
	return contender{stop: s.Stop, measure: func(w comparison.Work) (measured, error) { return p.driven(ctx, s, w, at) }}, nil
}

func operationOf(w comparison.Work) load.Operation {
	if w.Reads {
		return load.Get(1000)
	}
	return load.Put(1000)
}

// driven measures one of the others, whose clients are told of some endpoints, or of all.
func (p *peersBench) driven(ctx context.Context, s *rivals.System, w comparison.Work, at []string) (measured, error) {
	var from, to time.Time
	var used map[string]map[string]proc.Usage
	job := rivals.Job{Clients: w.Clients, Connections: w.Connections(), Reads: w.Reads, At: at, Try: shippedTry}
	clients, err := s.Drive(ctx, p.driver, job, func(pid int) error {
		if err := pace.Rest(ctx, warmUp); err != nil {
			return err
		}
		meter := proc.NewMeter(map[string][]proc.Process{
			s.Name: s.Processes(), comparison.OwnerClients: {{PID: pid, Name: "clients"}, {PID: os.Getpid(), Name: "bench"}},
		})
		from = time.Now()
		if err := pace.Rest(ctx, p.duration); err != nil {
			return err
		}
		to = time.Now()
		used, _ = meter.Read()
		return nil
	})
	if err != nil {
		return measured{}, err
	}
	return measured{clients.Look(from, to), used}, nil
}
