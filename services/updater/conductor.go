package updater

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

// errSuperseded is the cause of an order's end when main has given another one meanwhile.
var errSuperseded = errors.New("another order came meanwhile")

// conductor carries out main's orders. Those that change the duty run one at a time; a later one ends an earlier one
// that still waits, because main knows better now. Main may repeat an order after a timeout: the same order again
// while it runs gets the same answer. Questions (facts, history) and notes are answered at once, beside them.
type conductor struct {
	u      *updater
	orders chan *nats.Msg
	// verifier compares both databases beside all orders.
	verifier *verifier
	backups  *backups
	stops    []func()

	mu     sync.Mutex
	ended  bool           // no more questions are taken
	asides sync.WaitGroup // questions being answered
}

// job is the order being carried out.
type job struct {
	order   *nats.Msg
	waiting []*nats.Msg // who asked
	cancel  context.CancelCauseFunc
	done    chan any // gets the answer
}

// ordersQueue bounds orders that wait; main gives one at a time, so more means that something is wrong.
const ordersQueue = 64

func newConductor(u *updater) *conductor {
	return &conductor{u: u, orders: make(chan *nats.Msg, ordersQueue), verifier: newVerifier(u), backups: newBackups(u)}
}

// serve subscribes to orders and questions.
func (c *conductor) serve(conns bus.HostConns) error {
	orders, err := conns.Control.Subscribe(bus.Control(bus.ProcessUpdater), c.take)
	if err != nil {
		return fmt.Errorf("take orders: %w", err)
	}
	c.stops = append(c.stops, func() { _ = orders.Unsubscribe() }) // fails only when the connection is closed already
	questions, err := conns.Traffic.Subscribe(bus.Questions(bus.ProcessUpdater), c.take)
	if err != nil {
		return fmt.Errorf("take questions: %w", err)
	}
	c.stops = append(c.stops, func() { _ = questions.Unsubscribe() })
	return nil
}

// stop takes no more orders.
func (c *conductor) stop() {
	for _, f := range c.stops {
		f()
	}
}

// take runs on a goroutine of the connection: one for orders, one for questions.
func (c *conductor) take(m *nats.Msg) {
	switch m.Subject {
	case bus.SubjectFacts:
		answer(m, c.u.describe())
	case bus.SubjectNote:
		c.aside(func() { handle(m, c.u.note) })
	case bus.SubjectExamine:
		c.aside(func() { handle(m, c.u.examine) })
	case bus.SubjectAudit:
		c.aside(func() { handle(m, c.u.audit) })
	case bus.SubjectHistory:
		c.aside(func() {
			handle(m, func(q bus.HistoryRequest) bus.HistoryPage { return history(c.u.store, q) })
		})
	case bus.SubjectRecord:
		c.aside(func() { handle(m, c.u.record) })
	case bus.SubjectEvents:
		c.aside(func() { handle(m, func(q bus.EventsRequest) bus.EventsPage { return eventsOf(c.u.store, q) }) })
	case bus.SubjectVerify:
		c.aside(func() { handle(m, c.verifier.begin) })
	case bus.SubjectVerifyState:
		c.aside(func() { handle(m, func(bus.VerifyQuestion) bus.VerifyState { return c.verifier.now() }) })
	case bus.SubjectVerifyStop:
		c.aside(func() { handle(m, func(bus.VerifyQuestion) bus.VerifyState { return c.verifier.end() }) })
	case bus.SubjectAside:
		c.aside(func() { handle(m, func(q bus.AsideRequest) bus.AsidePage { return asideOf(c.u.config.Data, q) }) })
	case bus.SubjectBackup:
		c.aside(func() { handle(m, c.backups.answer) })
	case bus.SubjectTable:
		c.aside(func() { handle(m, func(q bus.TableRequest) bus.TablePage { return tableOf(c.u.store, q) }) })
	case bus.SubjectTableChange:
		c.aside(func() { handle(m, c.u.changeTable) })
	default:
		select {
		case c.orders <- m:
		default:
			answer(m, bus.Done{Error: "too many orders wait"})
		}
	}
}

func (c *conductor) aside(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.asides.Go(f)
	}
}

// endAsides takes no more questions and waits for those being answered.
func (c *conductor) endAsides() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.asides.Wait()
}

// run carries orders out until ctx ends, then ends the term.
func (c *conductor) run(ctx context.Context) error {
	defer c.backups.stop()
	defer c.endAsides()
	var running *job
	var later []*nats.Msg
	finish := func(result any) {
		for _, m := range running.waiting {
			answer(m, result)
		}
		running.cancel(nil)
		running = nil
	}
	for {
		var done chan any
		if running != nil {
			done = running.done
		} else if len(later) > 0 {
			running, later = c.begin(ctx, later[0]), later[1:]
			continue
		}
		select {
		case result := <-done:
			finish(result)
		case m := <-c.orders:
			switch waits, atOnce := c.relation(running, m); {
			case atOnce:
				c.u.releasePeer(m)
			case waits == joins:
				running.waiting = append(running.waiting, m)
			case waits == queues:
				later = append(later, m)
			default:
				if running != nil {
					running.cancel(errSuperseded)
					finish(<-running.done)
				}
				running = c.begin(ctx, m)
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

// relation decides what a new order does to the running one. A host that was required is released at once, because a
// frame, and perhaps the running order, waits for it.
func (c *conductor) relation(running *job, m *nats.Msg) (r relation, atOnce bool) {
	var require bus.Require
	release := m.Subject == bus.SubjectRequire && bus.DecodeJSON(m.Data, &require) == nil && !require.Peer
	switch {
	case running == nil:
		return replaces, false
	case running.order.Subject == m.Subject && bytes.Equal(running.order.Data, m.Data):
		return joins, false
	case running.order.Subject == bus.SubjectServe && m.Subject == bus.SubjectRequire:
		return queues, false
	case running.order.Subject == bus.SubjectDrain && release:
		return joins, true
	}
	return replaces, false
}

// begin starts carrying out an order.
func (c *conductor) begin(ctx context.Context, m *nats.Msg) *job {
	ctx, cancel := context.WithCancelCause(ctx)
	j := &job{order: m, waiting: []*nats.Msg{m}, cancel: cancel, done: make(chan any, 1)}
	go func() { j.done <- c.carryOut(ctx, m) }()
	return j
}

func (c *conductor) carryOut(ctx context.Context, m *nats.Msg) any {
	u := c.u
	switch m.Subject {
	case bus.SubjectPrepare:
		return decoded(m, func(q bus.Prepare) any { return u.prepare(ctx, q) })
	case bus.SubjectRelease:
		return u.release()
	case bus.SubjectServe:
		return decoded(m, func(q bus.Serve) any {
			u.blackbox.Note(fmt.Sprintf("epoch-%d", q.Epoch))
			return u.serve(ctx, q)
		})
	case bus.SubjectRequire:
		return decoded(m, func(q bus.Require) any { return u.require(ctx, q) })
	case bus.SubjectDrain:
		return decoded(m, func(q bus.Drain) any { return u.drain(ctx, q) })
	case bus.SubjectStandby:
		return decoded(m, func(q bus.Standby) any { return u.standby(q) })
	}
	return bus.Done{Error: "unknown order " + m.Subject}
}

// decoded reads an order and carries it out. Every answer has a field error, so a Done reads as any of them.
func decoded[Q any](m *nats.Msg, f func(Q) any) any {
	var q Q
	if err := bus.DecodeJSON(m.Data, &q); err != nil {
		return bus.Done{Error: err.Error()}
	}
	return f(q)
}

func handle[Q, A any](m *nats.Msg, f func(Q) A) {
	answer(m, decoded(m, func(q Q) any { return f(q) }))
}

// answer replies to main. What can't be sent is lost with the connection, and with it the process ends.
func answer(m *nats.Msg, v any) { _ = m.Respond(bus.EncodeJSON(v)) }
