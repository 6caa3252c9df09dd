package terminalif

import (
	"context"
	"fmt"

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
	// Tells it apart in flight, and joins a run of the same timer that is still out; the service hears nothing of it.
	q.ID.App = fmt.Sprintf("%s/%s@%d", q.Service, q.Timer.Key, q.Timer.Revision)
	t.i.relay.enter(t.t, q, answer)
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
	a := agenda.New(t.Epoch, i.config.TimerTries, agenda.Calls{Conn: i.conns.Traffic}, &timerRuns{i: i, t: t}, i.log, func(s outbox.TimerState) { i.timers.Store(&s) })
	i.goroutines.Go(func() { a.Run(ctx) })
}
