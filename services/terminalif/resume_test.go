package terminalif

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

// TestAttach_AgainInItsTermKeepsWhoIsAttached: after a restart of the updater main orders to attach once more. Nobody is
// attached anew, and an answer that is on its way arrives.
func TestAttach_AgainInItsTermKeepsWhoIsAttached(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	answers := make(chan func(bus.Reply), 1)
	h.startBatched("kv", func(_ bus.Request, answer func(bus.Reply)) { answers <- answer })
	h.announce("kv", 1, true)
	h.awaitWarm(1)
	h.serveAll(7, 1)
	got := make(chan *nats.Msg, 1)
	nc := app(t, agent.AppURL())
	go func() {
		m, _ := askErr(nc, "request.kv.put", "1")
		got <- m
	}()
	answer := <-answers
	before := h.attaches.Load()
	resumed := bus.Attach{Epoch: 7, Counter: 2, PairID: "pair", Identity: h.identity(), TicketKey: testKey, Resumed: true}
	if again := order(h, bus.CallAttach, resumed); again.Attached != 1 {
		t.Errorf("attached again: %+v", again)
	}
	if after := h.attaches.Load(); after != before {
		t.Errorf("%d attaches at the terminal, before %d", after, before)
	}
	answer(bus.Reply{Body: []byte("1")})
	wantCode(t, <-got, 0)
	if late, err := tryOrder(h, bus.CallAttach, bus.Attach{Epoch: 7, Counter: 2, PairID: "pair", Identity: h.identity(), TicketKey: testKey}); err == nil {
		t.Errorf("an order that was carried out is taken again: %+v", late)
	}
	order(h, bus.CallDetach, bus.Detach{})
	if anew := h.attachIn(7, 3); anew.Attached != 1 || h.attaches.Load() == before {
		t.Errorf("after a detach: %+v, %d attaches", anew, h.attaches.Load())
	}
}

// TestT2_KilledServiceGetsItsRequestsTogether: a kill says nothing against requests. At another crash they run alone.
func TestT2_KilledServiceGetsItsRequestsTogether(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	const n = 5
	seen := make(chan func(bus.Reply), 2*n)
	var crashes atomic.Int64 // so far
	run := func() *aService {
		return h.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) {
			if q.Crashes != int(crashes.Load()) {
				t.Errorf("after %d crashes it comes as %+v", crashes.Load(), q)
			}
			seen <- func(r bus.Reply) { r.Body = q.Body; answer(r) }
		})
	}
	killed := func(incarnation uint64) {
		process := bus.ProcessBusiness + ".kv"
		h.tell(bus.SubjectProcesses+"."+process, bus.ProcessState{Process: process, Incarnation: incarnation, Killed: true})
	}
	service := run()
	h.announce("kv", 1, true)
	h.awaitWarm(1)
	h.serveAll(1, 1)
	nc := app(t, agent.AppURL())
	answers := make(chan *nats.Msg, n)
	for i := range n {
		go func() { answers <- <-askLater(nc, "request.kv.put", fmt.Sprint(i)) }()
	}
	for incarnation := range uint64(2) {
		for range n { // none is answered, so that they come means that they come together
			<-seen
		}
		service.stop()
		crashes.Add(1)
		killed(incarnation + 1)
		service = run()
		h.announce("kv", incarnation+2, true)
	}
	for range n {
		answer := <-seen
		if len(seen) > 0 {
			t.Error("two at once after the second crash")
		}
		answer(bus.Reply{})
	}
	for range n {
		wantCode(t, <-answers, 0)
	}
}
