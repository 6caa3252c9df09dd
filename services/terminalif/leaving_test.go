package terminalif

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// drained orders the service to be drained and gives what came of it.
func (h *aHost) drained(service string, within time.Duration) <-chan error {
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_, err := bus.CallDrainService.Ask(ctx, h.main, bus.DrainService{Service: service, Within: within})
		ended <- err
	}()
	return ended
}

// TestDrainService_NothingIsLostAndNothingSuspect: while a service leaves, what it has is finished, what comes waits, other
// services serve, and the next run is given what waited, under no suspicion.
func TestDrainService_NothingIsLostAndNothingSuspect(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	had := make(chan func(), 1)
	first := h.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) {
		had <- func() { answer(bus.Reply{Body: q.Body}) }
	})
	h.startBatched("ledger", func(q bus.Request, answer func(bus.Reply)) { answer(bus.Reply{Body: q.Body}) })
	h.announce("kv", 1, true)
	h.announce("ledger", 1, true)
	h.awaitWarm(1)
	h.serveAll(1, 1)
	nc := app(t, agent.AppURL())
	begun := askLater(nc, "request.kv.put", `"begun"`)
	finish := <-had
	left := h.drained("kv", patience)
	processtest.Await(t, "the service leaves", func() bool {
		h.relay.mu.Lock()
		defer h.relay.mu.Unlock()
		return h.relay.services.services["kv"].state == leaving
	})
	h.announce("kv", 1, true) // again: main says it to whoever connects anew
	h.announce("other", 1, true)
	processtest.Await(t, "what main said is heard", func() bool {
		h.relay.mu.Lock()
		defer h.relay.mu.Unlock()
		return h.relay.services.services["other"] != nil
	})
	h.relay.mu.Lock()
	if state := h.relay.services.services["kv"].state; state != leaving {
		t.Errorf("a service that leaves is taken back: %v", state)
	}
	h.relay.mu.Unlock()
	var later []<-chan *nats.Msg
	for n := range 5 {
		later = append(later, askLater(nc, "request.kv.put", fmt.Sprint(n)))
	}
	processtest.Await(t, "what comes is taken", func() bool { return h.relay.inFlight() == 6 })
	wantCode(t, ask(t, nc, "request.ledger.put", `1`), 0)
	select {
	case err := <-left:
		t.Fatalf("it has a request, and is said to be drained: %v", err)
	case <-had:
		t.Fatal("it is given a new request")
	default:
	}
	finish()
	wantCode(t, <-begun, 0)
	if err := <-left; err != nil {
		t.Fatal(err)
	}
	first.stop()
	h.announce("kv", 1, false)
	given := make(chan bus.Request, 8)
	h.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) { given <- q; answer(bus.Reply{Body: q.Body}) })
	h.announce("kv", 2, true)
	for _, answer := range later {
		wantCode(t, <-answer, 0)
		if q := <-given; q.Crashes != 0 || q.Attempt != 1 {
			t.Errorf("%+v", q)
		}
	}
}

// TestDrainService_WhatItDoesNotFinishIsNotBlamed: a request that takes longer than a drain is given to the next run, and is
// suspect of nothing: however often its service is restarted on purpose, it is not parked for it.
func TestDrainService_WhatItDoesNotFinishIsNotBlamed(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	given := make(chan bus.Request, 8)
	run := func() *aService {
		return h.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) {
			if given <- q; q.Attempt > poisoned+1 {
				answer(bus.Reply{Body: q.Body})
			}
		})
	}
	service := run()
	h.announce("kv", 1, true)
	h.awaitWarm(1)
	h.serveAll(1, 1)
	answer := askLater(app(t, agent.AppURL()), "request.kv.put", `"long"`)
	for n := 1; n <= poisoned+1; n++ {
		if q := <-given; q.Crashes != 0 || q.Attempt != n {
			t.Errorf("run %d: %+v", n, q)
		}
		if err := <-h.drained("kv", 10*time.Millisecond); err == nil {
			t.Error("it has a request, and is said to be drained")
		}
		service.stop()
		h.announce("kv", uint64(n), false)
		service = run()
		h.announce("kv", uint64(n+1), true)
	}
	wantCode(t, <-answer, 0)
}

// TestDrainService_WhatHasNothingIsDrainedAtOnce: so is one that is down, and one that there is not.
func TestDrainService_WhatHasNothingIsDrainedAtOnce(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	h.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) { answer(bus.Reply{Body: q.Body}) })
	h.announce("kv", 1, true)
	h.announce("ledger", 1, false)
	h.awaitWarm(1)
	h.serveAll(1, 1)
	wantCode(t, ask(t, app(t, agent.AppURL()), "request.kv.put", `1`), 0)
	for _, service := range []string{"kv", "kv", "ledger", "nobody"} {
		if err := <-h.drained(service, patience/2); err != nil {
			t.Errorf("%s: %v", service, err)
		}
	}
}
