package terminalif

import (
	"context"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/terminalif/agenda"
)

// timerRuns has the timers of services run during a term.
type timerRuns struct {
	i *Interface
	t *term
}

// Run implements agenda.Relay: the request comes from no terminal, and its answer goes to none.
func (t *timerRuns) Run(q bus.Request, answer func(bus.Reply)) {
	q.ID.Counter = t.i.timerRuns.Add(1) // tells it apart in flight; the service hears nothing of it
	t.i.relay.take("", t.t, q, answer)
}

// Due implements agenda.Updater.
func (t *timerRuns) Due(ctx context.Context, q agenda.Question) (agenda.Due, error) {
	return agenda.CallDue.Ask(ctx, t.i.conns.Traffic, q)
}

// Order implements agenda.Updater.
func (t *timerRuns) Order(ctx context.Context, o agenda.Orders) error {
	_, err := agenda.CallOrder.Ask(ctx, t.i.conns.Traffic, o)
	return err
}

// beginTimers ends the agenda of the term before and begins that of t; nil begins none.
func (i *Interface) beginTimers(t *term) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.endTimers()
	i.timers.Store(&outbox.TimerState{})
	if t == nil {
		return
	}
	ctx, cancel := context.WithCancel(i.relay.services.ctx)
	i.endTimers = cancel
	run := &timerRuns{i: i, t: t}
	a := agenda.New(t.Epoch, i.config.TimerTries, run, run, i.log, func(s outbox.TimerState) { i.timers.Store(&s) })
	i.goroutines.Go(func() { a.Run(ctx) })
}
