package terminalif

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// What becomes of requests whose service, or whose updater, is not there or goes away.

func TestInterface_RequestsOfACrashedServiceAreSentAgain(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	seen := make(chan bus.Request, 8)
	first := h.startBatched("kv", func(q bus.Request, _ func(bus.Reply)) { seen <- q })
	h.announce("kv", 1, true)
	h.awaitWarm(1)
	h.serveAll(1, 1)
	answers := askLater(app(t, agent.AppURL()), "request.kv.put", `{}`)
	if q := <-seen; q.Attempt != 1 || q.Crashes != 0 {
		t.Errorf("first %+v", q)
	}
	first.stop()
	h.announce("kv", 1, false)
	h.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) { seen <- q; answer(bus.Reply{Body: []byte(`1`)}) })
	h.announce("kv", 2, true)
	if q := <-seen; q.Attempt != 2 || q.Crashes != 1 {
		t.Errorf("second %+v", q)
	}
	if m := <-answers; string(m.Data) != `1` {
		t.Errorf("answer %s", m.Data)
	}
}

// T2: a request that crashes a service of another language is not given to it for ever.
func TestInterface_PoisonousRequestToAForeignServiceEnds(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	seen := make(chan string, 8)
	run := func() *aService {
		return h.startSingle("foreign", "do", func(r micro.Request) { seen <- r.Headers().Get(bus.HeaderAttempt) })
	}
	s := run()
	h.announce("foreign", 1, true)
	h.awaitWarm(1)
	h.serveAll(1, 1)
	answers := askLater(app(t, agent.AppURL()), "request.foreign.do", `{}`)
	for crash := 1; crash <= poisoned; crash++ {
		if attempt := <-seen; attempt != fmt.Sprint(crash) {
			t.Errorf("attempt %s at crash %d", attempt, crash)
		}
		s.stop()
		h.announce("foreign", uint64(crash), false)
		s = run()
		h.announce("foreign", uint64(crash)+1, true)
	}
	wantCode(t, <-answers, 500)
}

func TestInterface_JoinsARequestThatIsInFlight(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	asked := make(chan func(bus.Reply), 8)
	h.startBatched("kv", func(_ bus.Request, answer func(bus.Reply)) { asked <- answer })
	h.awaitWarm(1)
	h.serveAll(1, 1)
	answers := askLater(app(t, agent.AppURL()), "request.kv.put", `{}`)
	answer := <-asked
	// The same host attaches anew, as after a short loss of the connection: the agent sends all again.
	if got := h.attachIn(1, 2); got.Attached != 1 {
		t.Fatalf("%+v", got)
	}
	processtest.Await(t, "the request came again", func() bool {
		h.relay.mu.Lock()
		defer h.relay.mu.Unlock()
		return h.relay.joined == 1
	})
	answer(bus.Reply{Body: []byte(`"once"`)})
	if m := <-answers; string(m.Data) != `"once"` {
		t.Errorf("answer %s", m.Data)
	}
	if len(asked) != 0 {
		t.Error("the request was given to the service twice")
	}
}

func TestInterface_WaitsForADatabaseOfItsEpoch(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	var calls atomic.Int32
	h.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) {
		if calls.Add(1) == 1 {
			answer(bus.Reply{Code: bus.CodeNobody, Message: "the updater restarts"})
			return
		}
		answer(bus.Reply{Body: []byte(fmt.Sprint(q.Attempt))})
	})
	h.awaitWarm(1)
	h.serveAll(1, 1)
	answers := askLater(app(t, agent.AppURL()), "request.kv.put", `{}`)
	processtest.Await(t, "the request is held", func() bool {
		h.relay.mu.Lock()
		defer h.relay.mu.Unlock()
		return len(h.relay.deferred) == 1
	})
	h.grant(1, time.Hour)
	// Nothing was done, so it is a first attempt still.
	if m := <-answers; string(m.Data) != `1` {
		t.Errorf("answer %s", m.Data)
	}
}
