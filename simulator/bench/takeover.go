package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/bench/load"
	"github.com/hotpair/hotpair/simulator/bench/proc"
	"github.com/hotpair/hotpair/simulator/bench/result"
	"github.com/hotpair/hotpair/simulator/bench/subject"
)

// takeoverBench plays each kind of loss against clusters under load.
type takeoverBench struct {
	terminals numbers
	clients   int
	trials    int
	kinds     names
	lease     time.Duration
	cables    int
	standins  bool // in the terminals' place

	odd int // trials that went otherwise
}

func (t *takeoverBench) options(f *options) {
	t.terminals = numbers{50, 1, 1000}
	for _, l := range losses() {
		t.kinds = append(t.kinds, l.kind)
	}
	if !t.standins { // which have no wires of their own
		t.kinds = append(t.kinds, kindLinkCut, kindIsolated)
		f.IntVar(&t.cables, "cables", 10, "terminals, each in its own network, for the kinds that cut connections")
		f.inShort("cables", "3")
	}
	f.Var(&t.terminals, "terminals", "numbers of terminals, one cluster for each")
	f.Var(&t.kinds, "kinds", "kinds of loss")
	f.IntVar(&t.clients, "clients", 8, "closed-loop writers")
	f.IntVar(&t.trials, "trials", 20, "trials per kind")
	f.DurationVar(&t.lease, "lease", time.Second, "HOTPAIR_LEASE")
	f.inShort("trials", "2")
	f.inShort("terminals", "5")
}

const (
	// quiet is a stretch of undisturbed service before a loss, so that the gap has a beginning.
	quiet = 250 * time.Millisecond
	// settle is how long after a loss that everybody notices answers are watched.
	settle = 800 * time.Millisecond
	// late is added to the lease for a loss that nobody is told of.
	late = 1200 * time.Millisecond
	// mostCuts is how many trials one lab plays: who falls out of the set again and again waits longer each time before it is
	// taken back (T7).
	mostCuts = 5
	// eachKnock is added for each terminal: the last one has to get its answer within the window.
	eachKnock = time.Millisecond
)

func (t *takeoverBench) measure(ctx context.Context, r *run) error {
	var cut, plain []string
	for _, kind := range t.kinds {
		switch {
		case !t.standins && (kind == kindLinkCut || kind == kindIsolated):
			cut = append(cut, kind)
		case slices.ContainsFunc(losses(), func(l loss) bool { return l.kind == kind }):
			plain = append(plain, kind)
		default:
			return fmt.Errorf("%w: unknown kind of loss %q", errUsage, kind)
		}
	}
	for _, terminals := range t.terminals {
		if len(plain) > 0 {
			if err := t.onCluster(ctx, r, terminals, plain); err != nil {
				return fmt.Errorf("%d terminals: %w", terminals, err)
			}
		}
	}
	if len(cut) == 0 {
		return nil
	}
	for from := 0; from < t.trials; from += mostCuts {
		if err := t.onCables(ctx, r, t.cables, cut, from, min(from+mostCuts, t.trials)); err != nil {
			return fmt.Errorf("%d terminals on cables: %w", t.cables, err)
		}
	}
	return nil
}

// clients are applications at agents (load.Clients) or at stand-ins (standin.Clients).
type clients interface {
	Run(ctx context.Context, o load.Operation)
	Knock(ctx context.Context, o load.Operation, done *atomic.Int64) []time.Duration
	Forget(before time.Time)
	Look(from, to time.Time) load.Stretch
	Close()
}

// workers are what applications do while a pair is tried: closed loops, and one at each terminal that knocks once.
type workers struct {
	writers, knockers clients
	end               context.CancelFunc
	ended             chan struct{}
}

// connect makes the clients at agents.
func (w *workers) connect(addresses []string, writers, knockers int, options func(i int) []nats.Option) error {
	at, err := load.Connect(addresses, writers, options)
	if err != nil {
		return err
	}
	w.writers = at
	if at, err = load.Connect(addresses, knockers, options); err != nil {
		return err
	}
	w.knockers = at
	return nil
}

// begin lets the writers work.
func (w *workers) begin(ctx context.Context) {
	ctx, w.end = context.WithCancel(ctx)
	w.ended = make(chan struct{})
	go func() {
		defer close(w.ended)
		w.writers.Run(ctx, load.Put(1000))
	}()
}

func (w *workers) close() {
	if w.end != nil {
		w.end()
		<-w.ended
	}
	for _, c := range []clients{w.writers, w.knockers} {
		if c != nil {
			c.Close()
		}
	}
}

// onCluster plays kinds in turn against one cluster, so that the machine's moods meet all of them.
func (t *takeoverBench) onCluster(ctx context.Context, r *run, terminals int, kinds []string) (err error) {
	r.say("starting a cluster with %d %s", terminals, t.served())
	w, lease := &workers{}, "HOTPAIR_LEASE="+t.lease.String()
	var c *subject.Cluster
	var stop func() error
	if t.standins {
		defer hoard()()
		light, err := startLight(ctx, r.binary, terminals, false, lease)
		if err != nil {
			return err
		}
		c, stop = light.Cluster, light.Stop
		w.writers, w.knockers = light.Fleet.Clients(t.clients), light.Fleet.Clients(terminals)
	} else {
		if c, err = subject.Start(ctx, r.binary, terminals, lease); err != nil {
			return err
		}
		stop = c.Stop
	}
	defer func() { err = errors.Join(err, stop()) }()
	defer w.close()
	if !t.standins {
		if err := w.connect(c.Addresses(), t.clients, terminals, nil); err != nil {
			return err
		}
	}
	w.begin(ctx)
	for trial := range t.trials {
		for _, kind := range kinds {
			l := losses()[slices.IndexFunc(losses(), func(l loss) bool { return l.kind == kind })]
			if err := t.bear(ctx, r, kind, trial, t.trial(ctx, r, c, w, l, trial)); err != nil {
				return err
			}
		}
	}
	return nil
}

// hoard lets this process collect its garbage only once there is much of it: each collection also takes the idle
// goroutines of stand-ins their stacks, and a thousand that get them back at a takeover are a fifth of what they cost.
func hoard() (restore func()) {
	const enough = 512 << 20
	percent, limit := debug.SetGCPercent(-1), debug.SetMemoryLimit(enough)
	return func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(percent)
	}
}

// What hosts serve, as rows call it.
const (
	agents   = "terminals"
	standIns = "stand-ins"
)

// served names what the hosts serve, for the rows of the result.
func (t *takeoverBench) served() string {
	if t.standins {
		return standIns
	}
	return agents
}

// bear notes a trial that went otherwise than it should, and gives the error once there are too many for the rest to be
// worth anything. Its numbers are left out: they would be those of something else.
func (t *takeoverBench) bear(ctx context.Context, r *run, kind string, trial int, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s, trial %d: %w", kind, trial+1, err)
	if t.odd++; ctx.Err() != nil || t.odd > 2+t.trials/4 {
		return err
	}
	r.say("left out: %v", err)
	r.result.Note("left out: %v", err)
	return nil
}

func (t *takeoverBench) trial(ctx context.Context, r *run, c *subject.Cluster, w *workers, l loss, trial int) error {
	active, standby, err := c.Whole(ctx)
	if err != nil {
		return err
	}
	before, err := c.Status(ctx, active)
	if err != nil {
		return err
	}
	o := observed{kind: l.kind, terminals: c.Terminals, served: t.served(), trial: trial}
	failed := o.watch(ctx, w, t.window(l.silent, c.Terminals), func() error { return l.does(ctx, c, active, standby) })
	var events []operator.Event
	after := c.Statuses(ctx) // a frozen host gives none
	epoch := uint64(0)
	for _, s := range after {
		events = append(events, s.Events...)
		epoch = max(epoch, s.Epoch)
	}
	if err := errors.Join(failed, l.fix(ctx, c, active, standby)); err != nil {
		return err
	}
	if moved := epoch > before.Epoch; moved != l.moves {
		return fmt.Errorf("%w: epoch %d before and %d after", errOtherwise, before.Epoch, epoch)
	}
	o.tell(r, phasesOf(events, o.loss, o.stretch.Epochs))
	return nil
}

// errOtherwise says that a trial did not do what it was meant to.
var errOtherwise = errors.New("the loss did not have the intended effect")

func (t *takeoverBench) window(silent bool, terminals int) time.Duration {
	window := settle + time.Duration(terminals)*eachKnock
	if silent {
		window += t.lease + late
	}
	return window
}

// observed is one trial as applications felt it.
type observed struct {
	kind      string
	terminals int
	served    string // what they are
	trial     int
	loss      time.Time
	own       time.Duration // processor time of this process, until the last knock was answered
	stretch   load.Stretch
	knocks    []time.Duration // sorted
	unheard   int             // knocks without a positive answer
}

// watch has a loss happen and watches until the window is over and every terminal has been answered.
func (o *observed) watch(ctx context.Context, w *workers, window time.Duration, does func() error) error {
	if err := pace.Rest(ctx, quiet); err != nil {
		return err
	}
	w.writers.Forget(time.Now().Add(-quiet))
	failed := make(chan error, 1)
	knocked := make(chan []time.Duration, 1)
	var heard atomic.Int64
	before := proc.Own()
	o.loss = time.Now()
	go func() { failed <- does() }()
	// What is sent at the moment of the loss: by then nobody has noticed it.
	go func() {
		took := w.knockers.Knock(ctx, load.Put(1), &heard)
		o.own = proc.Own() - before
		knocked <- took
	}()
	if err := pace.Rest(ctx, window); err != nil {
		return err
	}
	if err := <-failed; err != nil {
		return err
	}
	for _, took := range <-knocked {
		if took == 0 {
			o.unheard++
			continue
		}
		o.knocks = append(o.knocks, took)
	}
	slices.Sort(o.knocks)
	// A takeover may take longer than the window: who knocked is answered by now, and who writes soon after.
	if err := pace.Rest(ctx, quiet); err != nil {
		return err
	}
	o.stretch = w.writers.Look(o.loss.Add(-time.Millisecond), time.Now())
	return nil
}

// tell adds the trial to the result and prints a line.
func (o *observed) tell(r *run, phases []phase) {
	row := fmt.Sprintf("%s, %d %s", o.kind, o.terminals, o.served)
	add := func(metric string, d time.Duration) { r.result.Add(row, metric, "ms", result.Less, ms(d)) }
	add("gap", o.stretch.Longest)
	if len(o.knocks) > 0 {
		add("last terminal", o.knocks[len(o.knocks)-1])
	}
	var parts []string
	if o.served == standIns {
		r.result.Add(row, "processor of the stand-ins", "ms", result.None, ms(o.own))
		parts = append(parts, fmt.Sprintf("stand-ins' processor %.0f", ms(o.own)))
	}
	for _, p := range phases {
		r.result.Add(row, p.name, "ms", result.None, ms(p.took))
		parts = append(parts, fmt.Sprintf("%s %.1f", p.name, ms(p.took)))
	}
	r.result.Add(row, "failed requests", "", result.Less, float64(o.stretch.Failed+o.unheard))
	last := time.Duration(0)
	if len(o.knocks) > 0 {
		last = o.knocks[len(o.knocks)-1]
	}
	r.say("trial %2d  %-34s gap %8.1f ms, last terminal %8.1f ms, failed %d  [%s]", o.trial+1, row, ms(o.stretch.Longest), ms(last), o.stretch.Failed+o.unheard, strings.Join(parts, ", "))
}
