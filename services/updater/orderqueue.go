package updater

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/wires"
)

var (
	// errSuperseded is the cause of an order's end when main has given another one meanwhile.
	errSuperseded = errors.New("superseded by another order")
	errOrders     = errors.New("too many orders wait")
)

// orderQueue carries out main's orders. Those that change the state run one at a time; a later one ends an earlier one
// that still waits, because main knows better now. Main may repeat an order after a timeout: the same order again
// while it runs gets the same answer. Facts and notes are answered at once, beside them, and so are all questions, by others.
type orderQueue struct {
	u         *updater
	orders    chan order
	router    *bus.Router // of orders and notes
	questions *bus.Router
	stops     []func()
	answering answering
}

// order is an order that changes the state.
type order struct {
	call     string // subject of its endpoint
	request  any
	carryOut func(context.Context) (answer any, err error)
	answer   func(answer any, err error)
}

// job is the order being carried out.
type job struct {
	order   order
	waiting []order // the same, given again
	cancel  context.CancelCauseFunc
	done    chan result
}

// result is what came of an order.
type result struct {
	answer any
	err    error
}

// ordersQueue bounds orders that wait; main gives one at a time, so more means that something is wrong.
const ordersQueue = 64

// answerer answers questions of some kind: it handles their endpoints, each question in a goroutine of the group.
type answerer interface {
	Answer(r *bus.Router, group bus.Group)
}

func newOrderQueue(u *updater, answerers ...answerer) *orderQueue {
	c := &orderQueue{u: u, orders: make(chan order, ordersQueue), router: bus.NewRouter(bus.InboxPrefix(bus.ProcessMain)),
		questions: bus.NewRouter("inbox")} // terminal-if asks too; who may ask what, the bus says
	c.takeOrders()
	for _, a := range answerers {
		a.Answer(c.questions, &c.answering)
	}
	return c
}

// takeOrders has what main orders carried out.
func (c *orderQueue) takeOrders() {
	u := c.u
	bus.CallFacts.Handle(c.router, func(_ bus.FactsRequest, answer func(bus.Facts, error)) { answer(u.describe(), nil) })
	bus.CallNote.HandleIn(context.Background(), c.router, &inOrder{group: &c.answering}, func(_ context.Context, q bus.Note) (bus.Done, error) { return u.note(q) })
	bus.CallClocks.Handle(c.router, func(d clocks.Difference, answer func(bus.Done, error)) {
		u.times.Compared(d)
		answer(bus.Done{}, nil)
	})
	wires.CallUpdater.Handle(c.questions, func(t wires.Told, answer func(wires.Seen, error)) { answer(u.wires.Answer(t), nil) })
	inTurn(c, bus.CallPrepare, u.prepare)
	inTurn(c, bus.CallRelease, func(context.Context, bus.Release) (bus.Done, error) { return u.release() })
	inTurn(c, bus.CallServe, func(ctx context.Context, q bus.Serve) (bus.Served, error) {
		u.recorder.Note(fmt.Sprintf("epoch-%d", q.Epoch))
		return u.serve(ctx, q)
	})
	inTurn(c, bus.CallRequire, u.require)
	inTurn(c, bus.CallDrain, u.drain)
	inTurn(c, bus.CallStandby, func(_ context.Context, q bus.Standby) (bus.Done, error) { return u.standby(q) })
}

// inTurn has the orders of an endpoint carried out one at a time with all others that are in turn.
func inTurn[Q, A any](c *orderQueue, e bus.Endpoint[Q, A], carryOut func(context.Context, Q) (A, error)) {
	e.Handle(c.router, func(q Q, answer func(A, error)) {
		o := order{
			call: e.Subject(), request: q,
			carryOut: func(ctx context.Context) (any, error) { return carryOut(ctx, q) },
			answer:   func(a any, err error) { answer(a.(A), err) }, // the same call always makes the same type
		}
		select {
		case c.orders <- o:
		default:
			var none A
			answer(none, errOrders)
		}
	})
}

// serve takes orders and questions, each on a connection of its own.
func (c *orderQueue) serve(conns bus.HostConns) error {
	orders, err := c.router.Listen(conns.Control, bus.Control(bus.ProcessUpdater))
	if err != nil {
		return err
	}
	c.stops = append(c.stops, orders)
	questions, err := c.questions.Listen(conns.Traffic, bus.Questions(bus.ProcessUpdater))
	if err != nil {
		return err
	}
	c.stops = append(c.stops, questions)
	return nil
}

// stop takes no more orders.
func (c *orderQueue) stop() {
	for _, f := range c.stops {
		f()
	}
}

// answering are the questions that are being answered (bus.Group).
type answering struct {
	mu    sync.Mutex
	ended bool // no more are taken
	group sync.WaitGroup
}

// Go answers one, unless the process ends.
func (a *answering) Go(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.ended {
		a.group.Go(f)
	}
}

// end takes no more and waits for those being answered.
func (a *answering) end() {
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	a.group.Wait()
}

// run carries orders out until ctx ends, then ends the term.
func (c *orderQueue) run(ctx context.Context) error {
	defer c.answering.end()
	var running *job
	var later []order
	finish := func(r result) {
		for _, o := range running.waiting {
			o.answer(r.answer, r.err)
		}
		running.cancel(nil)
		running = nil
	}
	for {
		var done chan result
		if running != nil {
			done = running.done
		} else if len(later) > 0 {
			running, later = begin(ctx, later[0]), later[1:]
			continue
		}
		select {
		case r := <-done:
			finish(r)
		case o := <-c.orders:
			switch waits, atOnce := relationOf(running, o); {
			case atOnce:
				o.answer(o.carryOut(context.Background()))
			case waits == joins:
				running.waiting = append(running.waiting, o)
			case waits == queues:
				later = append(later, o)
			default:
				if running != nil {
					running.cancel(errSuperseded)
					finish(<-running.done)
				}
				running = begin(ctx, o)
			}
		case <-ctx.Done():
			if running != nil {
				running.cancel(errStopped)
				finish(<-running.done)
			}
			c.u.finish()
			return nil
		}
	}
}

// relation of an order to the one that runs.
type relation uint8

const (
	replaces relation = iota // the running one is ended first
	joins                    // it is the same
	queues                   // it comes after
)

// relationOf decides what a new order does to the running one. A host that was required is released at once, because a
// frame, and perhaps the running order, waits for it.
func relationOf(running *job, o order) (r relation, atOnce bool) {
	require, ok := o.request.(bus.Require)
	release := ok && !require.Peer
	switch {
	case running == nil:
		return replaces, false
	case running.order.call == o.call && reflect.DeepEqual(running.order.request, o.request):
		return joins, false
	case running.order.call == bus.CallServe.Subject() && o.call == bus.CallRequire.Subject():
		return queues, false
	case running.order.call == bus.CallDrain.Subject() && release:
		return joins, true
	}
	return replaces, false
}

// begin starts carrying out an order.
func begin(ctx context.Context, o order) *job {
	ctx, cancel := context.WithCancelCause(ctx)
	j := &job{order: o, waiting: []order{o}, cancel: cancel, done: make(chan result, 1)}
	go func() {
		answer, err := o.carryOut(ctx)
		j.done <- result{answer, err}
	}()
	return j
}

// inOrder answers one after the other, in the order in which they came: of two notes the later one is the one that stays.
type inOrder struct {
	group bus.Group

	mu      sync.Mutex
	waiting []func()
	running bool
}

// Go implements bus.Group.
func (o *inOrder) Go(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = append(o.waiting, f)
	if !o.running {
		o.running = true
		o.group.Go(o.run)
	}
}

func (o *inOrder) run() {
	for {
		o.mu.Lock()
		if len(o.waiting) == 0 {
			o.running = false
			o.mu.Unlock()
			return
		}
		f := o.waiting[0]
		o.waiting = o.waiting[1:]
		o.mu.Unlock()
		f()
	}
}
