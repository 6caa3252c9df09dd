package mainprocess

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/role"
)

// envelope is an input for the machine, with what to do with the result of its step.
type envelope struct {
	in role.Input
	// after is called on the driver's goroutine with the actions of the step, for inputs that are answered at once.
	after func(actions []role.Action, view role.View)
	// do, if set, runs between two steps, instead of a step.
	do func()
}

// actor performs what the machine orders. Its methods run on the driver's goroutine in order, and never wait.
type actor interface {
	// stepped is called after each step, before its actions begin.
	stepped(role.View, lease.Right)
	// perform begins an action.
	perform(role.Action)
	// ticked is called after the step of a tick: it shows that the loop turns, at least once per interval.
	ticked()
}

// driver owns the role machine: it is the only goroutine that touches it.
type driver struct {
	clock   lease.Clock
	machine *role.Machine
	inputs  chan envelope
	tick    time.Duration
	view    atomic.Pointer[role.View]
	turns   atomic.Uint64
	log     *slog.Logger
	work    sync.WaitGroup // actions under way
}

func newDriver(machine *role.Machine, clock lease.Clock, tick time.Duration, log *slog.Logger) *driver {
	d := &driver{machine: machine, clock: clock, inputs: make(chan envelope, 4096), tick: tick, log: log}
	view := machine.View()
	d.view.Store(&view)
	return d
}

// Give queues an input. The queue is long; if it is full, something is badly wrong and waiting is right.
func (d *driver) Give(in role.Input) { d.inputs <- envelope{in: in} }

// during runs do on the driver's goroutine, between two steps, unless ctx has ended by then. It does not wait for it.
func (d *driver) during(ctx context.Context, do func()) {
	d.inputs <- envelope{do: func() {
		if ctx.Err() == nil {
			do()
		}
	}}
}

// During lets do look at the machine between two steps, unless ctx has ended by then. It does not wait for it.
func (d *driver) During(ctx context.Context, do func(*role.Machine)) {
	d.during(ctx, func() { do(d.machine) })
}

// View is the machine's state after its last step.
func (d *driver) View() role.View { return *d.view.Load() }

// Run steps the machine until ctx ends.
func (d *driver) Run(ctx context.Context, to actor) error {
	tick := time.NewTimer(pace.Next(d.tick))
	defer tick.Stop()
	for turned := d.clock(); ; turned = d.clock() {
		var e envelope
		select {
		case e = <-d.inputs:
		case <-tick.C:
			tick.Reset(pace.Next(d.tick))
			e.in = role.Tick{}
		case <-ctx.Done():
			return ctx.Err()
		}
		// Before any input, so that the machine does not blame others for a silence that is this main's own stall.
		if stalled := role.TickAfter(d.clock()-turned, d.tick); stalled.Stalled > 0 {
			d.log.Debug("main was stalled; silence during the stall does not count against other processes", "took", stalled.Stalled)
			d.step(envelope{in: stalled}, to)
		}
		if e.do != nil {
			e.do()
			continue
		}
		d.step(e, to)
		if _, tick := e.in.(role.Tick); tick {
			to.ticked()
		}
	}
}

// step gives the machine an input and begins the resulting actions.
func (d *driver) step(e envelope, to actor) {
	actions := d.machine.Step(d.clock(), e.in)
	d.turns.Add(1)
	view := d.machine.View()
	d.view.Store(&view)
	if e.after != nil {
		e.after(actions, view)
	}
	epoch, until := d.machine.Right()
	to.stepped(view, lease.Right{Epoch: epoch, Until: until})
	for _, action := range actions {
		to.perform(action)
	}
}

// turned returns a function that reports whether the loop has turned since the last call. It proves to the supervisor
// that main does its work, not only that its process runs.
func (d *driver) turned() func() bool {
	var last uint64
	return func() bool {
		before := last
		last = d.turns.Load()
		return last != before
	}
}

// Ask gives an input and waits for the result of its step.
func (d *driver) Ask(ctx context.Context, in role.Input) ([]role.Action, role.View, error) {
	type result struct {
		actions []role.Action
		view    role.View
	}
	got := make(chan result, 1)
	e := envelope{in: in, after: func(a []role.Action, v role.View) { got <- result{a, v} }}
	select {
	case d.inputs <- e:
	case <-ctx.Done():
		return nil, role.View{}, ctx.Err()
	}
	select {
	case r := <-got:
		return r.actions, r.view, nil
	case <-ctx.Done():
		return nil, role.View{}, ctx.Err()
	}
}
