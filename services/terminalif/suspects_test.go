package terminalif

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// TestT2_OnlyTheCulpritPays: one request crashes its service each time it runs, together with nine that do not. After the
// first crash they run one at a time, so the later crashes are the culprit's alone, and the nine are answered.
func TestT2_OnlyTheCulpritPays(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	var mu sync.Mutex
	var first []bus.Request // at the first run
	crashed := make(chan bool, 1)
	firstRun := h.startBatched("kv", func(q bus.Request, _ func(bus.Reply)) {
		mu.Lock()
		defer mu.Unlock()
		if first = append(first, q); len(first) == 10 {
			crashed <- true
		}
	})
	h.announce("kv", 1, true)
	h.awaitWarm(1)
	h.serveAll(1, 1)
	nc := app(t, agent.AppURL())
	answers := make(chan *nats.Msg, 16)
	send := func(body string) {
		go func() { answers <- <-askLater(nc, "request.kv.put", body) }()
	}
	send(`"poison"`)
	for n := range 9 {
		send(fmt.Sprint(n))
	}
	<-crashed

	var out, most, later atomic.Int64
	poison := make(chan bus.Request, 8)
	run := func() *aService {
		out.Store(0)
		return h.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) {
			most.Store(max(most.Load(), out.Add(1)))
			switch {
			case string(q.Body) == `"poison"` && q.Crashes < poisoned:
				poison <- q // and no answer: it is what ends the process
				return
			case string(q.Body) == `"poison"`:
				answer(bus.Reply{Code: bus.CodeFault, Message: "crashed"})
			case string(q.Body) == `"later"`:
				later.Add(1)
				answer(bus.Reply{Body: q.Body})
			default:
				if q.Crashes != 1 {
					t.Errorf("request %s is blamed: %+v", q.Body, q)
				}
				answer(bus.Reply{Body: q.Body})
			}
			out.Add(-1)
		})
	}
	firstRun.stop()
	h.announce("kv", 1, false)
	service := run()
	h.announce("kv", 2, true)
	for crash := 1; crash < poisoned; crash++ {
		if q := <-poison; q.Crashes != crash || q.Attempt != crash+1 {
			t.Errorf("at crash %d it comes as %+v", crash, q)
		}
		send(`"later"`)
		processtest.Await(t, "what comes meanwhile is taken", func() bool { return h.relay.inFlight() > 0 && len(answers)+h.relay.inFlight() >= 9+crash })
		service.stop()
		h.announce("kv", uint64(crash+1), false)
		service = run()
		h.announce("kv", uint64(crash+2), true)
	}
	faults := 0
	for range 12 {
		select {
		case m := <-answers:
			if codeOf(m) == bus.CodeFault {
				faults++
			} else {
				wantCode(t, m, 0)
			}
		case <-time.After(patience):
			t.Fatalf("no answer; %d in flight", h.relay.inFlight())
		}
	}
	if faults != 1 || later.Load() != 2 || most.Load() > 2 {
		t.Errorf("%d answers 500, %d later ones answered, at most %d at once", faults, later.Load(), most.Load())
	}
}

// TestT2_SlowSuspectDoesNotStopTheOthers: a request that was out at a crash and then takes long keeps nobody waiting for
// longer than its turn.
func TestT2_SlowSuspectDoesNotStopTheOthers(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	seen := make(chan bus.Request, 8)
	first := h.startBatched("kv", func(q bus.Request, _ func(bus.Reply)) { seen <- q })
	h.announce("kv", 1, true)
	h.awaitWarm(1)
	h.serveAll(1, 1)
	nc := app(t, agent.AppURL())
	slow := askLater(nc, "request.kv.put", `"slow"`)
	<-seen
	first.stop()
	h.announce("kv", 1, false)
	finish := make(chan func(), 1)
	h.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) {
		if string(q.Body) == `"slow"` {
			finish <- func() { answer(bus.Reply{Body: q.Body}) }
			return
		}
		answer(bus.Reply{Body: q.Body})
	})
	h.announce("kv", 2, true)
	done := <-finish
	began := time.Now()
	wantCode(t, ask(t, nc, "request.kv.put", `1`), 0)
	if took := time.Since(began); took < aloneWithin/2 { // the slow one is not done yet: it was let in beside it
		t.Errorf("waited %v beside a slow suspect, its turn is %v", took, aloneWithin)
	}
	began = time.Now()
	wantCode(t, ask(t, nc, "request.kv.put", `2`), 0)
	if took := time.Since(began); took > aloneWithin {
		t.Errorf("waited %v after the turn, as long as another", took)
	}
	done()
	wantCode(t, <-slow, 0)
}
