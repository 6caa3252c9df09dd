package terminalif

import (
	"fmt"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/micro"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminalif/agenda"
	"github.com/hotpair/hotpair/services/timers"
	"github.com/hotpair/hotpair/storage/position"
)

// dues is an updater's list of timers.
type dues struct {
	mu     sync.Mutex
	timers []agenda.Timer
	epochs []uint64 // that were asked for
}

func (d *dues) listen(h *aHost) {
	h.t.Helper()
	r := bus.NewRouter("inbox")
	agenda.CallDue.Handle(r, func(q agenda.Question, answer func(agenda.Due, error)) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.epochs = append(d.epochs, q.Epoch); q.Most == 0 {
			return // it waits for a change, and there is none
		}
		answer(agenda.Due{Version: 1, Timers: d.timers, Kept: len(d.timers)}, nil)
	})
	must[func()](h.t)(r.Listen(h.main, agenda.CallDue.Subject()))
}

// done takes a timer off the list, as the commit of its run does.
func (d *dues) done(due *outbox.Due) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n, t := range d.timers {
		if t.Key == due.Key && t.Revision == due.Revision {
			d.timers = append(d.timers[:n:n], d.timers[n+1:]...)
			return
		}
	}
}

// TestTimers_RunAsRequests: a timer that is due comes to its service without a terminal, an id or a ticket, in batches and as one message;
// and only while this host serves.
func TestTimers_RunAsRequests(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	d := &dues{timers: []agenda.Timer{
		{Service: "kv", Key: "a", Revision: 7, Operation: "put", Body: []byte(`{"a":1}`), At: 11, Late: 13},
		{Service: "foreign", Key: "b\n", Revision: 1 << 60, Operation: "do", Body: []byte(`1`), At: 17, Late: 19},
	}}
	d.listen(h)
	batched, single := make(chan bus.Request, 8), make(chan micro.Headers, 8)
	h.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) {
		batched <- q
		d.done(q.Timer)
		answer(bus.Reply{Position: position.Position{Epoch: 5, Sequence: 9}, Body: []byte(`{}`)})
	})
	h.startSingle("foreign", "do", func(r micro.Request) {
		single <- r.Headers()
		due, err := outbox.ParseDue(r.Headers().Get(outbox.HeaderTimer))
		if err != nil {
			t.Error(err)
		}
		d.done(&due)
		_ = r.Respond(nil)
	})
	h.announce("kv", 1, true)
	h.announce("foreign", 1, true)
	h.awaitWarm(1)
	if len(batched)+len(single) > 0 {
		t.Error("a host that does not serve runs timers")
	}
	h.serveAll(5, 1)
	q := <-batched
	if q.ID != (bus.RequestID{}) || q.Ticket != "" || q.Epoch != 5 || q.Timer == nil || *q.Timer != (outbox.Due{Key: "a", Revision: 7, At: 11, Late: 13}) || q.Remaining <= 0 {
		t.Errorf("%+v", q)
	}
	headers := <-single
	for _, name := range []string{bus.HeaderTerminal, bus.HeaderCounter, bus.HeaderRequestID, bus.HeaderTicket} {
		if headers.Get(name) != "" {
			t.Errorf("it says %s: %s", name, headers.Get(name))
		}
	}
	if due, err := outbox.ParseDue(headers.Get(outbox.HeaderTimer)); err != nil || due != (outbox.Due{Key: "b\n", Revision: 1 << 60, At: 17, Late: 19}) {
		t.Errorf("%+v, %v", due, err)
	}
	processtest.Await(t, "the heartbeat tells", func() bool { s := h.State().Timers; return s.Runs >= 2 && s.Running == 0 })
	if h.relay.inFlight() != 0 {
		t.Errorf("%d in flight", h.relay.inFlight())
	}
	order(h, bus.CallDetach, bus.Detach{})
	if s := h.State().Timers; s != (outbox.TimerState{}) {
		t.Errorf("a host that serves no more tells of timers: %+v", s)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, epoch := range d.epochs {
		if epoch != 5 {
			t.Errorf("it asked for epoch %d", epoch)
		}
	}
}

// TestTimers_NoTerminalRunsThem: a terminal that says that its request is the run of a timer would have it executed without an id, as
// often as it likes.
func TestTimers_NoTerminalRunsThem(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	got := make(chan bus.Request, 1)
	h.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) { got <- q; answer(bus.Reply{}) })
	h.announce("kv", 1, true)
	h.awaitWarm(1)
	h.serveAll(1, 1)
	q := bus.Request{ID: bus.RequestID{Counter: 7}, Service: "kv", Operation: "put", Body: []byte(`{}`), Timer: &outbox.Due{Key: "a", Revision: 1}}
	h.relay.take("t1", h.present(), q, func(bus.Reply) {})
	if q := <-got; q.Timer != nil || q.Ticket == "" || q.ID != (bus.RequestID{Terminal: "t1", Counter: 7}) {
		t.Errorf("%+v", q)
	}
}

// TestT2_TimerThatCrashesItsServiceIsParked after as many crashes as a request, and is not given to a fourth process: neither when the
// service knows batches, which is told so of requests, nor when it does not.
func TestT2_TimerThatCrashesItsServiceIsParked(t *testing.T) {
	for _, batches := range []bool{true, false} {
		t.Run(fmt.Sprintf("batches %t", batches), func(t *testing.T) {
			agent := newAgent(t, "t1")
			h := startHost(t, "a", terminalsOf(agent)...)
			d := &dues{timers: []agenda.Timer{{Service: "kv", Key: "a", Revision: 7, Operation: "put", Body: []byte(`{}`)}}}
			d.listen(h)
			parked := make(chan agenda.Order, 8)
			r := bus.NewRouter("orders")
			agenda.CallOrder.Handle(r, func(o agenda.Orders, answer func(bus.Done, error)) {
				for _, one := range o.Orders {
					d.done(&outbox.Due{Key: one.Key, Revision: one.Revision})
					parked <- one
				}
				answer(bus.Done{}, nil)
			})
			must[func()](t)(r.Listen(h.main, agenda.CallOrder.Subject()))
			seen := make(chan bool, 8)
			run := func() *aService {
				if batches {
					return h.startBatched("kv", func(bus.Request, func(bus.Reply)) { seen <- true })
				}
				return h.startSingle("kv", "put", func(micro.Request) { seen <- true })
			}
			s := run()
			h.announce("kv", 1, true)
			h.awaitWarm(1)
			h.serveAll(1, 1)
			for crash := range poisoned {
				<-seen
				s.stop()
				h.announce("kv", uint64(crash)+1, false)
				s = run()
				h.announce("kv", uint64(crash)+2, true)
			}
			if o := <-parked; o.Kind != timers.Park || o.Revision != 7 || o.Why == "" {
				t.Errorf("%+v", o)
			}
			processtest.Await(t, "the service is up", func() bool { h.relay.mu.Lock(); defer h.relay.mu.Unlock(); return h.relay.services.services["kv"].up() })
			if len(seen) > 0 {
				t.Errorf("it was run %d times more", len(seen))
			}
		})
	}
}
