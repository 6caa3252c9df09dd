package terminalif

import (
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminalif/admission"
	"github.com/hotpair/hotpair/storage/position"
)

// TestFault_C8_APositionIsTheUpdatersWord: a service that claimed a position which holds another update, or none, had a receipt
// signed for it, and the next audit said that acknowledged updates are lost.
func TestFault_C8_APositionIsTheUpdatersWord(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	earlier := ""
	h.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) {
		at := position.Position{Epoch: q.Epoch, Sequence: 40 + q.ID.Counter%2}
		proof := proved(q.Service, q.Ticket, at)
		reply := bus.Reply{Body: q.Body}
		switch string(q.Body) {
		case `"bare"`:
			reply.Position = at
		case `"made up"`:
			reply.Position, reply.Proof = at, "1/99."+strings.Repeat("A", 22)
		case `"moved"`:
			reply.Position, reply.Proof = at, "1/99"+proof[strings.Index(proof, "."):]
		case `"of another"`:
			reply.Proof = earlier
		default:
			// What it says beside the proof counts for nothing.
			reply.Position, reply.Proof = position.Position{Epoch: 9, Sequence: 99}, proof
			earlier = proof
		}
		answer(reply)
	})
	h.startSingle("foreign", "do", func(r micro.Request) {
		_ = r.Respond([]byte(`{}`), micro.WithHeaders(micro.Headers{bus.HeaderPosition: {"1/99"}}))
	})
	h.announce("kv", 1, true)
	h.awaitWarm(1)
	h.serveAll(1, 1)
	nc := app(t, agent.AppURL())
	m := ask(t, nc, "request.kv.put", `"honest"`)
	if got := m.Header.Get(bus.HeaderPosition); codeOf(m) != 0 || !strings.HasPrefix(got, "1/4") {
		t.Errorf("honest: %v", m.Header)
	}
	for _, body := range []string{`"bare"`, `"made up"`, `"moved"`, `"of another"`} {
		m := ask(t, nc, "request.kv.put", body)
		wantCode(t, m, bus.CodeFault)
		if m.Header.Get(bus.HeaderPosition) != "" || !strings.Contains(m.Header.Get(bus.HeaderError), "unknown") {
			t.Errorf("%s: %v", body, m.Header)
		}
	}
	wantCode(t, ask(t, nc, "request.foreign.do", `{}`), bus.CodeFault)
	h.attachIn(1, 2)
	if got := h.collectAll(1); len(got.Receipts) != 1 || got.Foreign != 0 || got.Receipts[0].Position.Sequence == 99 {
		t.Errorf("receipts %+v", got)
	}
}

// TestFault_A8_AFloorIsNotAboveItsRequest: what a terminal says of the numbers that it waits for is bounded by the number of the
// request that it says it with, and goes on in the ticket alone.
func TestFault_A8_AFloorIsNotAboveItsRequest(t *testing.T) {
	tm := &term{Attach: bus.Attach{Epoch: 3, TicketKey: testKey}, round: newRound(nil)}
	r := newRelay(admission.Bounds{PerTerminal: 100, InAll: 100, PerTerminalBytes: 1 << 20, InAllBytes: 1 << 20}, func() time.Duration { return 0 }, slog.New(slog.DiscardHandler))
	got := make(chan bus.Request, 1)
	r.services.services["kv"] = &service{name: "kv", state: serving, route: routeFunc(func(q bus.Request) { got <- q })}
	r.begin(tm)
	for _, c := range []struct {
		id            bus.RequestID
		oldest, floor uint64
	}{
		{bus.RequestID{Counter: 7}, 5, 5}, {bus.RequestID{Counter: 8}, 8, 8}, {bus.RequestID{Counter: 9}, math.MaxUint64, 9}, {bus.RequestID{Counter: 10}, 0, 0},
		{bus.RequestID{App: "2026-01-02T15:04:05Z/a"}, math.MaxUint64, 0}, {bus.RequestID{App: "2026-01-02T15:04:05Z/b"}, 6, 0},
	} {
		r.take("t1", tm, bus.Request{ID: c.id, Oldest: c.oldest, Service: "kv", Operation: "put", Body: []byte(`{}`), Ticket: "the terminal's"},
			func(reply bus.Reply) { t.Errorf("answered %+v", reply) })
		q := <-got // sent before take returns
		asked, err := ticket.NewDesk(testKey).Read("kv", q.Ticket)
		want := ticket.Ticket{Epoch: 3, Service: "kv", ID: q.ID, Floor: c.floor, Digest: ticket.DigestOf("kv", "put", []byte(`{}`))}
		if err != nil || asked != want || q.ID.Terminal != "t1" {
			t.Errorf("%v with oldest %d: %+v, %v", c.id, c.oldest, asked, err)
		}
	}
}

type routeFunc func(bus.Request)

func (f routeFunc) Send(q bus.Request, _ func(bus.Reply, error)) { f(q) }
func (f routeFunc) Fail()                                        {}

// TestFault_A9_AnIDInFlightNamesOneRequest: another request under the id of one that is under way took its answer.
func TestFault_A9_AnIDInFlightNamesOneRequest(t *testing.T) {
	tm := &term{Attach: bus.Attach{Epoch: 3, TicketKey: testKey}, round: newRound(nil)}
	h := startHost(t, "a")
	h.grant(3, time.Hour)
	answers := make(chan func(bus.Reply), 1)
	h.startBatched("kv", func(_ bus.Request, answer func(bus.Reply)) { answers <- answer })
	h.announce("kv", 1, true)
	h.relay.begin(tm)
	replies := make(chan string, 4)
	take := func(who, service, operation, body string) {
		h.relay.take("t1", tm, bus.Request{ID: bus.RequestID{Counter: 7}, Service: service, Operation: operation, Body: []byte(body), Remaining: int64(time.Minute)},
			func(r bus.Reply) { replies <- fmt.Sprint(who, " ", r.Code) })
	}
	take("first", "kv", "put", `{}`)
	next := func() string {
		t.Helper()
		select {
		case got := <-replies:
			return got
		case <-time.After(patience):
			return "nothing"
		}
	}
	answer := <-answers
	for _, other := range [][3]string{{"kv", "put", `[]`}, {"kv", "get", `{}`}, {"ledger", "put", `{}`}} {
		take("other", other[0], other[1], other[2])
		if got := next(); got != "other 409" {
			t.Errorf("%v: %s", other, got)
		}
	}
	answer(bus.Reply{})
	if got := next(); got != "first 0" {
		t.Errorf("the answer went to %s", got)
	}
	processtest.Await(t, "nothing is under way", func() bool { return h.relay.inFlight() == 0 })
}
