package terminalif

import (
	"context"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/terminalif/agenda"
	"github.com/hotpair/hotpair/services/terminalif/delivery"
	"github.com/hotpair/hotpair/services/terminalif/taking"
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

// Waiting implements agenda.Relay.
func (t *timerRuns) Waiting() int { return t.i.relay.asked() }

// beginLeft ends the earlier term's work on outboxes (timers, notices), and begins that of t; nil begins nothing.
func (i *Interface) beginLeft(t *term) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.endLeft()
	i.timers.Store(&outbox.TimerState{})
	i.notices.Store(&outbox.NoticeState{})
	if t == nil {
		return
	}
	ctx := t.life
	i.endLeft = t.end
	a := agenda.New(t.Epoch, i.config.TimerTries, agenda.Calls{Conn: i.conns.Traffic}, &timerRuns{i: i, t: t}, i.log, func(s outbox.TimerState) { i.timers.Store(&s) })
	i.goroutines.Go(func() { a.Run(ctx) })
	i.goroutines.Go(func() {
		patience := time.NewTimer(attachPatience)
		defer patience.Stop()
		select { // terminals are attached first
		case <-t.round.Done():
		case <-patience.C:
		case <-ctx.Done():
		}
		t.delivery.Run(ctx)
	})
}

// equip gives a term its helpers, which end with it. Terminals that attach before the delivery runs are kept for it.
func (i *Interface) equip(t *term) {
	t.life, t.end = context.WithCancel(i.relay.services.ctx)
	right := func() bool { return i.relay.right.Load().Holds(t.Epoch, i.config.Clock()) }
	t.delivery = delivery.New(delivery.Config{
		Epoch: t.Epoch, Updater: delivery.Calls{Conn: i.conns.Traffic}, Log: i.log, Right: right,
		Roster: i.listed, Tell: func(s outbox.NoticeState) { i.notices.Store(&s) },
	})
	t.desk = taking.New(t.life, taking.Config{Epoch: t.Epoch, Updater: taking.Calls{Conn: i.conns.Traffic}, Right: right, Go: i.goroutines.Go, Log: i.log})
}

// listed implements delivery.Config.
func (i *Interface) listed() (ids []string, revision uint64) {
	i.roster.changing.Lock()
	defer i.roster.changing.Unlock()
	for _, s := range i.roster.all() {
		ids = append(ids, s.id)
	}
	return ids, i.roster.revision
}

// deliver sends notices to a terminal that was attached with a cursor, until the attachment ends.
func (a *attachment) deliver(t *term, c *notices.Cursor) {
	if c == nil { // its program knows none
		return
	}
	gone, stop := make(chan struct{}), a.stop
	a.stop = func() { stop(); close(gone) }
	t.delivery.Attach(a.session.id, *c, delivery.Over(a.conn, a.name), gone)
}
