package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/bench/chain"
	"github.com/hotpair/hotpair/simulator/bench/limit"
	"github.com/hotpair/hotpair/simulator/bench/load"
	"github.com/hotpair/hotpair/simulator/bench/proc"
	"github.com/hotpair/hotpair/simulator/bench/result"
	"github.com/hotpair/hotpair/simulator/bench/subject"
)

// pathBench is the whole path of requests, from terminal to terminal, with a number of closed-loop clients.
type pathBench struct {
	clients    numbers
	operations names
	rounds     int
	duration   time.Duration
	terminals  int
	shared     numbers
	bare       bool
	standins   bool
}

// record is about what one kv.put is in the journal, in bytes: what the limit is measured with.
const record = 200

// warmUp is left out of each measurement.
const warmUp = 400 * time.Millisecond

// operations that can be measured.
func operations() []load.Operation {
	return []load.Operation{load.Put(1000), load.Get(1000), load.Transfer(1000)}
}

func (p *pathBench) options(f *options) {
	p.clients = numbers{1, 8, 64, 256}
	for _, o := range operations() {
		p.operations = append(p.operations, o.Name)
	}
	f.Var(&p.clients, "clients", "numbers of closed-loop clients")
	f.Var(&p.operations, "operations", "requests to measure")
	f.IntVar(&p.rounds, "rounds", 5, "rounds; each measures everything once")
	f.DurationVar(&p.duration, "duration", 2*time.Second, "length of each measurement")
	f.IntVar(&p.terminals, "terminals", 64, "terminals among which the clients are spread")
	p.shared = numbers{8}
	f.Var(&p.shared, "shared", "numbers of connections, each at its own terminal, that more clients than that share; kv.put only")
	f.BoolVar(&p.standins, "standins", true, "also measure kv.put with stand-ins for the terminals, which cost almost nothing: this shows the cost of the hosts alone")
	f.BoolVar(&p.bare, "bare", true, "also measure the bare chain: the same processes and connections without their work")
	f.inShort("rounds", "2")
	f.inShort("duration", "1s")
}

func (p *pathBench) measure(ctx context.Context, r *run) error {
	var chosen []load.Operation
	for _, name := range p.operations {
		i := slices.IndexFunc(operations(), func(o load.Operation) bool { return o.Name == name })
		if i < 0 {
			return fmt.Errorf("%w: unknown request %q", errUsage, name)
		}
		chosen = append(chosen, operations()[i])
	}
	if err := p.atAgents(ctx, r, chosen); err != nil || !p.standins {
		return err
	}
	return p.atStandIns(ctx, r)
}

// atAgents measures the path as it is shipped, and the bare chain.
func (p *pathBench) atAgents(ctx context.Context, r *run, chosen []load.Operation) (err error) {
	c, err := subject.Start(ctx, r.binary, p.terminals)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	active, _, err := c.Whole(ctx)
	if err != nil {
		return err
	}
	var bare *bareChain
	if p.bare {
		if bare, err = startChain(ctx, chain.Apart, p.terminals); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, bare.stop()) }()
	}
	for round := range p.rounds {
		r.say("round %d of %d", round+1, p.rounds)
		for _, n := range p.clients {
			raw, err := p.limit(ctx, r, n)
			if err != nil {
				return err
			}
			if err := p.beside(ctx, r, c, bare, crowd{n, n}, raw, chosen, active); err != nil {
				return err
			}
			for _, connections := range p.shared {
				if n <= connections {
					continue
				}
				if err := p.beside(ctx, r, c, bare, crowd{n, connections}, raw, []load.Operation{load.Put(1000)}, active); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// atStandIns measures kv.put with stand-ins for the terminals. It has the machine to itself: even a pair without work is felt
// by a lone client.
func (p *pathBench) atStandIns(ctx context.Context, r *run) (err error) {
	c, err := startLight(ctx, r.binary, p.terminals, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	for round := range p.rounds {
		r.say("stand-ins, round %d of %d", round+1, p.rounds)
		for _, n := range p.clients {
			raw, err := p.limit(ctx, r, n)
			if err != nil {
				return err
			}
			if err := c.measure(ctx, r, n, raw, p.duration); err != nil {
				return err
			}
		}
	}
	return nil
}

// limit measures the machine's limit of the moment.
func (p *pathBench) limit(ctx context.Context, r *run, clients int) (rate float64, err error) {
	if rate, err = limit.Measure(ctx, clients, record, p.duration/2); err == nil {
		r.result.Add(fmt.Sprintf("limit, %d clients", clients), "rate", "1/s", result.None, rate)
	}
	return rate, err
}

// beside measures operations of a crowd beside the limit of the moment, and beside the bare chain with the same crowd.
func (p *pathBench) beside(ctx context.Context, r *run, c *subject.Cluster, bare *bareChain, who crowd, raw float64, operations []load.Operation, active string) error {
	limits := []ceiling{{"of the limit", raw}}
	if p.bare {
		rate, err := bare.measure(ctx, r, who, p.duration)
		if err != nil {
			return err
		}
		limits = append(limits, ceiling{"of the bare chain", rate})
	}
	for _, o := range operations {
		m, err := measureLoad(ctx, c, o, who, p.duration)
		if err != nil {
			return err
		}
		m.tell(r, o, who.String(), active, limits)
	}
	return nil
}

// crowd is who works at the same time.
type crowd struct {
	clients     int
	connections int // that they share; each client has its own when there are as many
}

func (c crowd) String() string {
	if c.connections >= c.clients {
		return fmt.Sprintf("%d clients", c.clients)
	}
	return fmt.Sprintf("%d clients on %d connections", c.clients, c.connections)
}

// measured is one stretch of load, with what it cost.
type measured struct {
	load.Stretch
	used map[string]map[string]proc.Usage // by owner and process
}

// system is what can be put under load: a cluster, or a bare chain.
type system interface {
	Addresses() []string
	Processes() map[string][]proc.Process
}

// ceiling is a rate of the same moment that a measurement is told as a share of.
type ceiling struct {
	name string // of the share, as "of the limit"
	rate float64
}

// measureLoad lets a crowd work and measures a stretch of it.
func measureLoad(ctx context.Context, c system, o load.Operation, who crowd, duration time.Duration) (measured, error) {
	clients, err := load.Share(c.Addresses(), who.clients, who.connections)
	if err != nil {
		return measured{}, err
	}
	defer clients.Close()
	if err := clients.Prepare(ctx, o); err != nil {
		return measured{}, err
	}
	return watchLoad(ctx, c, clients, o, duration)
}

// watchLoad lets clients work and measures a stretch of it.
func watchLoad(ctx context.Context, c system, clients clients, o load.Operation, duration time.Duration) (measured, error) {
	working, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		clients.Run(working, o)
	}()
	defer func() { end(); <-ended }()
	if err := pace.Rest(ctx, warmUp); err != nil {
		return measured{}, err
	}
	meter, from := proc.NewMeter(c.Processes()), time.Now()
	if err := pace.Rest(ctx, duration); err != nil {
		return measured{}, err
	}
	to := time.Now()
	used, _ := meter.Read()
	return measured{clients.Look(from, to), used}, nil
}

// tell adds a measurement to the result, beside the ceilings of the same moment.
func (m measured) tell(r *run, o load.Operation, who string, active string, ceilings []ceiling) {
	row := o.Name + ", " + who
	r.result.Add(row, "rate", "1/s", result.More, m.Rate())
	shares := ""
	if o.Writes {
		for _, c := range ceilings {
			r.result.Add(row, c.name, "", result.More, m.Rate()/c.rate)
			shares += fmt.Sprintf("%.3f %s  ", m.Rate()/c.rate, c.name)
		}
	}
	r.result.Add(row, "p50", "ms", result.Less, ms(m.At(0.5)))
	r.result.Add(row, "p99", "ms", result.Less, ms(m.At(0.99)))
	r.result.Add(row, "p99.9", "ms", result.Less, ms(m.At(0.999)))
	r.result.Add(row, "failed requests", "", result.Less, float64(m.Failed))
	requests := float64(max(len(m.Sorted), 1))
	pair := proc.Total(m.used["host a"]).Plus(proc.Total(m.used["host b"]))
	micros := func(u proc.Usage) float64 { return float64(u.CPU.Microseconds()) / requests }
	r.result.Add(row, "cpu of both hosts", "µs/request", result.Less, micros(pair))
	r.result.Add(row, "passed to the kernel", "bytes/request", result.Less, float64(pair.Passed)/requests)
	r.result.Add(row, "to disk", "bytes/request", result.Less, float64(pair.Disk)/requests)
	for _, s := range m.shares(o, active) {
		r.result.Add("processor of "+row, s.whose, "µs/request", result.None, micros(s.used))
		r.result.Add("bytes of "+row, s.whose, "bytes/request", result.None, float64(s.used.Passed)/requests)
	}
	r.say("%-40s %8.0f/s  %sp50 %.2f  p99 %.2f  p99.9 %.2f ms  %.0f µs of cpu, %d failed", row, m.Rate(), shares,
		ms(m.At(0.5)), ms(m.At(0.99)), ms(m.At(0.999)), micros(pair), m.Failed)
}

// share is what somebody used of all that was used.
type share struct {
	whose string
	used  proc.Usage
}

// shares tells whose usage it was: of each process that is on a request's way, and of all others together.
func (m measured) shares(o load.Operation, active string) []share {
	service, _, _ := strings.Cut(o.Name, ".")
	own, other := m.used["host "+active], m.used["host "+otherHost(active)]
	list := []share{
		{"terminal-if", own["terminal-if"]}, {"main (bus)", own["main"]}, {"business", own["business "+service]}, {"updater", own["updater"]},
		{"others of the active", proc.Total(own)}, {"updater of the standby", other["updater"]}, {"others of the standby", proc.Total(other)},
		{"terminals", proc.Total(m.used["terminals"])}, {"clients", proc.Total(m.used["clients"])},
	}
	for _, s := range list[:4] {
		list[4].used = list[4].used.Minus(s.used)
	}
	list[6].used = list[6].used.Minus(list[5].used)
	return list
}
