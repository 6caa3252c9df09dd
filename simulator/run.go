package simulator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/storage/position"
)

const (
	// openPatience is how long opening the accounts may take before the run: the pair may be starting.
	openPatience = 60 * time.Second
	// readers is how many checks are asked at once after the run.
	readers = 64
)

// actor is one client with its scripts and the answers it got.
type actor struct {
	client  *client
	random  *rand.Rand
	scripts []script
	memory  memory
}

// run is one run of the simulator.
type run struct {
	options  Options
	name     string
	recorder *recorder
	wrongs   *findings
	pool     *pool
	total    *total
	told     told // of workload tickets
	actors   []*actor
	took     time.Duration // of the work
}

// Run runs the load until the duration is over or ctx ends, then settles unknown outcomes, reads everything back and
// reports. The error is about the run itself (ErrOption, ErrNoTerminal); errors of the pair are in the verdict.
func Run(ctx context.Context, o Options) (Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Report{}, err
	}
	r := &run{
		options: o, name: strconv.FormatInt(time.Now().UnixNano(), 36),
		recorder: newRecorder(len(o.Terminals)), wrongs: newFindings(),
	}
	r.pool, r.total, r.told.hall = newPool(r.name), &total{alone: o.Alone, wrongs: r.wrongs}, newHall(r.name, o.Clients)
	defer r.close()
	if err := r.connect(); err != nil {
		return Report{}, err
	}
	if err := r.open(ctx); err != nil {
		return Report{}, err
	}
	if r.tickets() {
		defer r.closeTickets(ctx)
		if err := r.openTickets(ctx); err != nil {
			return Report{}, err
		}
	}
	r.work(ctx)
	return r.judge(context.WithoutCancel(ctx)), nil
}

func (r *run) close() {
	for _, a := range r.actors {
		a.client.close()
	}
}

func (r *run) tickets() bool { return r.options.Workload == Tickets }

func (r *run) ledger() bool { return r.options.Workload == Ledger || r.options.Workload == Mixed }

// connect makes the clients, each with its scripts and its own connection.
func (r *run) connect() error {
	o := r.options
	for i := range o.Clients {
		t := i % len(o.Terminals)
		c, err := connectClient(o.Terminals[t].Address, t, o.Deadline, r.recorder)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNoTerminal, err)
		}
		kept := mostKept/o.Clients + 1
		if o.Queue {
			if err := c.queues(fmt.Sprintf("sim-%s-%d", r.name, i)); err != nil {
				return fmt.Errorf("%w: %w", ErrNoTerminal, err)
			}
			kept = 0 // a terminal keeps the outcomes of some requests, and would mistake repeated ones for new ones
		}
		a := &actor{client: c, random: rand.New(rand.NewPCG(o.Seed, uint64(i))), memory: memory{limit: kept}}
		r.actors = append(r.actors, a)
		own := &ids{run: r.name, client: i, now: time.Now}
		prefix := fmt.Sprintf("sim/%s/%d/", r.name, i)
		switch o.Workload {
		case Put:
			a.scripts = append(a.scripts, newKV(prefix, a.random, nil, r.wrongs))
		case KV, Mixed:
			a.scripts = append(a.scripts, newKV(prefix, a.random, own, r.wrongs))
		}
		if r.tickets() {
			a.scripts = append(a.scripts, newBooth(fmt.Sprintf("%s%d", r.prefix(), i), a.random, own, r.wrongs, r.told.hall))
		}
		if r.ledger() {
			a.scripts = append(a.scripts, newLedger(r.name, i, a.random, own, r.wrongs, r.pool, r.total))
		}
	}
	return nil
}

// open opens the accounts and takes the first total.
func (r *run) open(ctx context.Context) error {
	if !r.ledger() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	work, first := errgroup.WithContext(ctx)
	for i, a := range r.actors {
		names := []string{}
		for _, s := range a.scripts {
			if l, ok := s.(*ledger); ok {
				names = append(names, l.names()...)
			}
		}
		if i == 0 {
			names = append(names, r.pool.accounts...)
		}
		calls := opens(names, &ids{run: r.name + "-open", client: i, now: time.Now})
		work.Go(func() error {
			for _, c := range calls {
				answer, err := a.client.do(first, c, false)
				if err != nil {
					return fmt.Errorf("%w: open accounts: %w", ErrNoTerminal, err)
				}
				if !answer.ok() {
					return fmt.Errorf("%w: open accounts: %s: %s", ErrNoTerminal, c, answer)
				}
				a.memory.note(c, answer)
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	before, err := r.actors[0].client.do(ctx, totalCall(), false)
	if err != nil {
		return fmt.Errorf("%w: ledger total: %w", ErrNoTerminal, err)
	}
	r.total.see(before)
	return nil
}

// work runs all clients until the time is up. Each then settles its last call.
func (r *run) work(ctx context.Context) {
	working, stop := context.WithCancel(ctx)
	if r.options.Duration > 0 {
		working, stop = context.WithTimeout(ctx, r.options.Duration)
	}
	defer stop()
	settling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	context.AfterFunc(working, func() { time.AfterFunc(r.options.Settle, cancel) })
	began := time.Now()
	var clients sync.WaitGroup
	for _, a := range r.actors {
		clients.Go(func() { r.drive(working, settling, a) })
	}
	r.watchBoards(working)
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		r.show(working, began)
	}()
	<-working.Done()
	r.took = time.Since(began)
	clients.Wait()
	r.told.reading.Wait()
	<-shown
}

// drive runs one client: call after call, at the requested pace.
func (r *run) drive(working, settling context.Context, a *actor) {
	var pace time.Duration
	if r.options.Rate > 0 {
		pace = time.Duration(float64(time.Second) * float64(r.options.Clients) / float64(r.options.Rate))
	}
	due := time.Now().Add(time.Duration(a.random.Float64() * float64(pace)))
	for {
		if pace > 0 {
			select {
			case <-time.After(time.Until(due)):
			case <-working.Done():
				return
			}
			// After an interruption the pace starts again: missed calls are not made up for.
			due = due.Add(pace)
			if now := time.Now(); due.Before(now) {
				due = now
			}
		} else if working.Err() != nil {
			return
		}
		s := a.scripts[a.random.IntN(len(a.scripts))]
		c := s.next()
		answer, err := a.client.do(settling, c, true)
		if err != nil {
			s.doubtful()
			if settling.Err() != nil {
				return
			}
			continue
		}
		s.settled(answer)
		a.memory.note(c, answer)
	}
}

// judge reads everything back: first the ids, so that a repeated execution shows in its key, then keys and balances,
// last the total.
// balances, last the total.
func (r *run) judge(ctx context.Context) Report {
	ctx, cancel := context.WithTimeout(ctx, r.options.Settle)
	defer cancel()
	name := func(i int) string { return r.options.Terminals[i].ID }
	report := Report{
		Seed: r.options.Seed, Workload: r.options.Workload, Terminals: len(r.options.Terminals), Clients: r.options.Clients, Took: r.took,
	}
	r.recorder.fill(&report, r.options.Threshold, name)
	report.Rate = float64(report.Operations) / r.took.Seconds()
	v := &report.Verdict

	var repeats, reads [][]check
	for i, a := range r.actors {
		repeats = append(repeats, a.memory.repeats(r.wrongs))
		v.Dropped += a.memory.dropped
		var own []check
		for _, s := range a.scripts {
			own = append(own, s.checks()...)
		}
		if i == 0 && r.ledger() {
			own = append(own, r.pool.checks(r.wrongs)...)
		}
		reads = append(reads, own)
	}
	// An id belongs to its terminal; a key can be asked for at any terminal, so another one is asked.
	v.IDs, v.Unread = r.ask(ctx, "ids", repeats, 0)
	keys, unread := r.ask(ctx, "keys and balances", reads, 1)
	v.Keys, v.Unread = keys, v.Unread+unread
	if r.ledger() {
		v.Unread += r.lastTotal(ctx, v)
	}
	if r.tickets() {
		keys, unread := r.judgeSeats(ctx, v)
		v.Keys, v.Unread = v.Keys+keys, v.Unread+unread
	}
	v.Writes = judgePositions(r.wrongs, r.writes())
	v.Missing, v.Doubled = r.wrongs.count(missing), r.wrongs.count(doubled)
	v.Stale, v.Wrong = r.wrongs.count(stale), r.wrongs.count(wrong)
	v.Examples = r.wrongs.examples()
	v.decide(report.Operations)
	return report
}

// lastTotal reads the total once more; it returns 1 if it got no answer.
func (r *run) lastTotal(ctx context.Context, v *Verdict) int {
	last, err := r.actors[0].client.do(ctx, totalCall(), false)
	if err != nil || !last.ok() {
		return 1
	}
	r.total.see(last)
	first, latest, _ := r.total.state()
	v.Before, v.Total = &first, &latest
	return 0
}

// ask makes the checks of each client through another client, and counts those with and without an answer.
func (r *run) ask(ctx context.Context, what string, lists [][]check, further int) (answered, unread int) {
	var mu sync.Mutex
	var work errgroup.Group
	work.SetLimit(readers)
	all := 0
	for _, list := range lists {
		all += len(list)
	}
	one, done := r.asking(what, all)
	defer done()
	for i, list := range lists {
		through := r.actors[(i+further)%len(r.actors)].client
		for _, c := range list {
			work.Go(func() error {
				a, err := through.do(ctx, c.call, false)
				one()
				mu.Lock()
				defer mu.Unlock()
				if err != nil || !c.call.proved(a) {
					unread++
					return nil
				}
				answered++
				c.judge(a)
				return nil
			})
		}
	}
	// No check returns an error.
	_ = work.Wait()
	return answered, unread
}

func (r *run) writes() [][]position.Position {
	var all [][]position.Position
	for _, a := range r.actors {
		all = append(all, a.memory.writes)
	}
	return all
}
