package terminalif

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/storage/position"
)

func TestInterface_CarriesARequestFromAStockClientToAServiceAndBack(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	h.startBatched("kv", echo)
	h.awaitWarm(1)
	h.serveAll(7, 1)
	m := ask(t, app(t, agent.AppURL()), "request.kv.put", `{"key":"x"}`)
	if codeOf(m) != 0 || string(m.Data) != `{"key":"x"}` || !strings.HasPrefix(m.Header.Get(bus.HeaderPosition), "7/") {
		t.Errorf("answer %s %v", m.Data, m.Header)
	}
}

func TestInterface_CarriesRequestsToAServiceOfAnyLanguage(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	h.startSingle("foreign", "do", func(r micro.Request) {
		hd := r.Headers()
		if string(r.Data()) == `"fail"` {
			_ = r.Error("409", "no money", nil)
			return
		}
		_ = r.Respond([]byte(fmt.Sprintf(`{"terminal":%q,"id":%q,"epoch":%q,"attempt":%q}`,
			hd.Get(bus.HeaderTerminal), hd.Get(bus.HeaderRequestID), hd.Get(bus.HeaderEpoch), hd.Get(bus.HeaderAttempt))),
			micro.WithHeaders(micro.Headers{bus.HeaderProof: {proved("foreign", hd.Get(bus.HeaderTicket), position.Position{Epoch: 3, Sequence: 9})}}))
	})
	h.awaitWarm(1)
	h.serveAll(3, 1)
	nc := app(t, agent.AppURL())
	id := time.Now().UTC().Format(time.RFC3339) + "/order 17"
	m := ask(t, nc, "request.foreign.do", `{}`, bus.HeaderRequestID, id)
	if want := fmt.Sprintf(`{"terminal":"t1","id":%q,"epoch":"3","attempt":"1"}`, id); string(m.Data) != want {
		t.Errorf("service saw %s, want %s", m.Data, want)
	}
	if got := m.Header.Get(bus.HeaderPosition); got != "3/9" {
		t.Errorf("position %q", got)
	}
	m = ask(t, nc, "request.foreign.do", `"fail"`)
	wantCode(t, m, 409)
	if m.Header.Get(bus.HeaderError) != "no money" {
		t.Errorf("sentence %q", m.Header.Get(bus.HeaderError))
	}
	wantCode(t, ask(t, nc, "request.foreign.undo", `{}`), 404)
	m = ask(t, nc, "request.nothing.do", `{}`)
	wantCode(t, m, 404)
	if want := "no service nothing; known are [foreign]"; m.Header.Get(bus.HeaderError) != want {
		t.Errorf("sentence %q, want %q", m.Header.Get(bus.HeaderError), want)
	}
}

// Taking over is one message on a connection that is open already; what waits is sent at once to the new host, and the
// old one can neither answer nor attach again (R5).
func TestInterface_TakeoverSendsWaitingRequestsAgainAndFencesTheOldHost(t *testing.T) {
	agent := newAgent(t, "t1")
	a, b := startHost(t, "a", terminalsOf(agent)...), startHost(t, "b", terminalsOf(agent)...)
	var late func(bus.Reply)
	got := make(chan bus.Request, 1)
	a.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) { late = answer; got <- q })
	b.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) {
		answer(bus.Reply{Body: []byte(fmt.Sprintf(`{"attempt":%d,"epoch":%d,"host":"b"}`, q.Attempt, q.Epoch))})
	})
	a.awaitWarm(1)
	b.awaitWarm(1)
	a.serveAll(7, 1)
	nc := app(t, agent.AppURL())
	answers := askLater(nc, "request.kv.put", `{}`)
	if first := <-got; first.Attempt != 1 || first.Epoch != 7 {
		t.Errorf("first attempt %+v", first)
	}
	dials := b.Dials()
	b.serveAll(8, 1)
	if m := <-answers; string(m.Data) != `{"attempt":2,"epoch":8,"host":"b"}` {
		t.Errorf("answer %s", m.Data)
	}
	if b.Dials() != dials {
		t.Errorf("takeover dialled %d times", b.Dials()-dials)
	}
	late(bus.Reply{Body: []byte(`{"host":"a, late"}`)})
	if m := ask(t, nc, "request.kv.get", `{}`); string(m.Data) != `{"attempt":1,"epoch":8,"host":"b"}` {
		t.Errorf("answer after the takeover %s", m.Data)
	}
	if again := a.attachIn(7, 2); again.Attached != 0 || again.Refused != 1 {
		t.Errorf("old host attaches in its old epoch: %+v", again)
	}
	if s := a.State(); s.HighestEpoch != 8 || s.Epoch != 7 {
		t.Errorf("old host's state %+v; what a terminal says is only reported", s)
	}
	if epoch, host := agent.Epoch(); epoch != 8 || host != "b" {
		t.Errorf("agent follows %s in %d", host, epoch)
	}
}

// TestFault_C6_ATerminalThatLeftIsShownAsRefused: whoever stands at a terminal's address could attach in a higher epoch, and the active
// listed the terminal as attached meanwhile. What the agent tells is shown at once.
func TestFault_C6_ATerminalThatLeftIsShownAsRefused(t *testing.T) {
	agent := newAgent(t, "t1")
	a, b := startHost(t, "a", terminalsOf(agent)...), startHost(t, "b", terminalsOf(agent)...)
	a.awaitWarm(1)
	b.awaitWarm(1)
	a.serveAll(1, 1)
	if s := a.State(); s.Attached != 1 {
		t.Fatalf("%+v", s)
	}
	b.serveAll(9, 1) // of which a knows nothing
	processtest.Await(t, "a says that the terminal refuses it", func() bool {
		s := a.State()
		return s.Attached == 0 && len(s.Terminals) == 1 && s.Terminals[0].State == stateRefused && strings.Contains(s.Terminals[0].Reason, "it is attached to b in epoch 9")
	})
}

func TestInterface_AttachesManyTerminalsWithoutDialling(t *testing.T) {
	const n = 20
	var agents []*anAgent
	for i := range n {
		agents = append(agents, newAgent(t, fmt.Sprintf("t%d", i)))
	}
	a, b := startHost(t, "a", terminalsOf(agents...)...), startHost(t, "b", terminalsOf(agents...)...)
	a.awaitWarm(n)
	b.awaitWarm(n)
	a.serveAll(1, n)
	dials := b.Dials()
	b.grant(2, time.Hour)
	got := b.attachIn(2, 1)
	t.Logf("%d terminals in %s", got.Attached, got.Took)
	if got.Attached != n || b.Dials() != dials {
		t.Errorf("attached %+v with %d dials", got, b.Dials()-dials)
	}
	processtest.Await(t, "the old host hears of it", func() bool { return a.State().HighestEpoch == 2 })
}

func TestInterface_AttachesATerminalThatComesLater(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	h.startBatched("kv", echo)
	h.awaitWarm(1)
	h.serveAll(4, 1)
	agent.stop()
	processtest.Await(t, "terminal is lost", func() bool { return h.State().Unreachable == 1 })
	again := startAgent(t, agent.id, agent.dir, agent.address, nil)
	processtest.Await(t, "terminal is attached again", func() bool { return h.State().Attached == 1 })
	nc := app(t, again.AppURL())
	m := ask(t, nc, "request.kv.put", `{}`)
	wantCode(t, m, 0)
	if got := m.Header.Get(bus.HeaderPosition); got == "4/1" || got == "" {
		t.Errorf("position %s: the restarted agent gave a counter again", got)
	}
}

// The right to answer is compared as the last thing before the answer leaves (R6): a process that was frozen between
// reading and answering must not answer.
func TestInterface_AnswersOnlyWhileTheRightHolds(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	asked := make(chan func(bus.Reply), 1)
	h.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) { asked <- answer })
	h.awaitWarm(1)
	h.serveAll(5, 1)
	h.grant(5, time.Second)
	answers := askLater(app(t, agent.AppURL()), "request.kv.get", `{}`)
	answer := <-asked
	// The freeze: time has gone on when the process goes on.
	h.now.Add(int64(2 * time.Second))
	answer(bus.Reply{Body: []byte(`{"value":1}`)})
	processtest.Await(t, "the answer waits", func() bool {
		h.relay.mu.Lock()
		defer h.relay.mu.Unlock()
		return len(h.relay.parked) == 1
	})
	// A right of another epoch is none.
	h.grant(6, time.Hour)
	processtest.Await(t, "the other right is known", func() bool { return h.relay.right.Load().Epoch == 6 })
	select {
	case m := <-answers:
		t.Fatalf("answered without the right: %s", m.Data)
	default:
	}
	h.grant(5, time.Hour)
	if m := <-answers; string(m.Data) != `{"value":1}` {
		t.Errorf("answer %s", m.Data)
	}
}

func TestInterface_WaitingAnswersAreDroppedWithTheTerm(t *testing.T) {
	agent := newAgent(t, "t1")
	a, b := startHost(t, "a", terminalsOf(agent)...), startHost(t, "b", terminalsOf(agent)...)
	a.startBatched("kv", func(_ bus.Request, answer func(bus.Reply)) { answer(bus.Reply{Body: []byte(`"a"`)}) })
	b.startBatched("kv", func(_ bus.Request, answer func(bus.Reply)) { answer(bus.Reply{Body: []byte(`"b"`)}) })
	a.awaitWarm(1)
	b.awaitWarm(1)
	if got := a.attachIn(1, 1); got.Attached != 1 { // without a right
		t.Fatalf("%+v", got)
	}
	answers := askLater(app(t, agent.AppURL()), "request.kv.get", `{}`)
	processtest.Await(t, "the answer waits", func() bool {
		a.relay.mu.Lock()
		defer a.relay.mu.Unlock()
		return len(a.relay.parked) == 1
	})
	order(a, bus.CallDetach, bus.Detach{})
	a.grant(1, time.Hour)
	b.serveAll(2, 1)
	if m := <-answers; string(m.Data) != `"b"` {
		t.Errorf("answer %s", m.Data)
	}
	processtest.Await(t, "the old host is warm", func() bool { s := a.State(); return s.Warm == 1 && s.Epoch == 0 && s.InFlight == 0 })
}

// A planned switchover: nothing new is taken, what is out is finished, everything else waits at the terminals.
func TestInterface_DrainHoldsNewRequestsAndFinishesOldOnes(t *testing.T) {
	agent := newAgent(t, "t1")
	a, b := startHost(t, "a", terminalsOf(agent)...), startHost(t, "b", terminalsOf(agent)...)
	asked := make(chan func(bus.Reply), 1)
	a.startBatched("kv", func(_ bus.Request, answer func(bus.Reply)) { asked <- answer })
	b.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) {
		answer(bus.Reply{Body: []byte(fmt.Sprintf(`{"attempt":%d}`, q.Attempt))})
	})
	a.awaitWarm(1)
	b.awaitWarm(1)
	a.serveAll(1, 1)
	nc := app(t, agent.AppURL())
	answers := make(chan string, 2)
	request := func() {
		m, err := askErr(nc, "request.kv.put", `{}`)
		if err != nil {
			t.Error(err)
			return
		}
		answers <- string(m.Data)
	}
	go request()
	first := <-asked
	if _, err := tryOrder(a, bus.CallDrainRequests, bus.DrainRequests{Within: time.Millisecond}); err == nil {
		t.Error("drained although a request is out")
	}
	go request()
	processtest.Await(t, "second request waits", func() bool { return agent.Waiting() == 2 })
	drained := make(chan error, 1)
	go func() {
		_, err := tryOrder(a, bus.CallDrainRequests, bus.DrainRequests{Within: patience})
		drained <- err
	}()
	first(bus.Reply{Body: []byte(`"finished"`)})
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if got := <-answers; got != `"finished"` {
		t.Errorf("first answer %s", got)
	}
	order(a, bus.CallDetach, bus.Detach{})
	b.serveAll(2, 1)
	// It was held, not executed, so it is a first attempt still.
	if got := <-answers; got != `{"attempt":1}` {
		t.Errorf("second answer %s", got)
	}
	select {
	case <-asked:
		t.Error("a drained host took a request")
	default:
	}
}

func TestInterface_AsksTerminalsWhoServesThem(t *testing.T) {
	t1, t2 := newAgent(t, "t1"), newAgent(t, "t2")
	a := startHost(t, "a", terminalsOf(t1)...)
	b := startHost(t, "b", terminalsOf(t1, t2)...)
	a.awaitWarm(1)
	b.awaitWarm(2)
	a.serveAll(1, 1)
	asked := order(b, bus.CallAskTerminals, bus.AskTerminals{Within: time.Second})
	if asked.Asked != 2 || len(asked.Fresh) != 1 || asked.Fresh[0] != "t1" {
		t.Errorf("asked %+v", asked)
	}
	// The active's process is killed: its connections end, and the terminals know at once.
	begun := time.Now()
	a.stop()
	processtest.Await(t, "no terminal says fresh", func() bool {
		return len(order(b, bus.CallAskTerminals, bus.AskTerminals{Within: time.Second}).Fresh) == 0
	})
	t.Logf("known after %s", time.Since(begun))
}

// Of two processes of one host the later one stays, whatever order their attaches come in.
func TestInterface_ALaterProcessOfAHostIsNotReplacedByAnOlder(t *testing.T) {
	agent := newAgent(t, "t1")
	older, later := startHost(t, "a", terminalsOf(agent)...), startHost(t, "a", terminalsOf(agent)...)
	older.startBatched("kv", func(_ bus.Request, answer func(bus.Reply)) { answer(bus.Reply{Body: []byte(`"older"`)}) })
	later.startBatched("kv", func(_ bus.Request, answer func(bus.Reply)) { answer(bus.Reply{Body: []byte(`"later"`)}) })
	older.awaitWarm(1)
	later.awaitWarm(1)
	older.grant(1, time.Hour)
	later.grant(1, time.Hour)
	if got := later.attachIn(1, 2); got.Attached != 1 {
		t.Fatalf("%+v", got)
	}
	if got := older.attachIn(1, 1); got.Refused != 1 {
		t.Errorf("an older process attached: %+v", got)
	}
	if m := ask(t, app(t, agent.AppURL()), "request.kv.get", `{}`); string(m.Data) != `"later"` {
		t.Errorf("answer of %s", m.Data)
	}
}

func TestInterface_RefusesAStrangersOrdersInTheWrongOrder(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	h.awaitWarm(1)
	h.serveAll(3, 1)
	for _, o := range []bus.Attach{
		{Epoch: 2, Counter: 9, PairID: "pair", Identity: "i", TicketKey: testKey}, {Epoch: 3, Counter: 1, PairID: "pair", Identity: "i", TicketKey: testKey},
		{Epoch: 4, Counter: 1, Identity: "i", TicketKey: testKey}, {Counter: 1, PairID: "pair", Identity: "i", TicketKey: testKey}, {Epoch: 4, PairID: "pair", Identity: "i", TicketKey: testKey},
		{Epoch: 4, Counter: 1, PairID: "pair", Identity: "i"},
	} {
		if _, err := tryOrder(h, bus.CallAttach, o); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("order %+v was carried out", o)
		}
	}
}

// Many applications at many terminals through two takeovers: every request is answered, and none is lost or answered
// for another.
func TestInterface_ManyRequestsThroughTakeovers(t *testing.T) {
	const terminals, apps, each = 4, 8, 60
	var agents []*anAgent
	for i := range terminals {
		agents = append(agents, newAgent(t, fmt.Sprintf("t%d", i)))
	}
	a, b := startHost(t, "a", terminalsOf(agents...)...), startHost(t, "b", terminalsOf(agents...)...)
	for _, h := range []*aHost{a, b} {
		h.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) { answer(bus.Reply{Body: q.Body}) })
		h.awaitWarm(terminals)
	}
	a.serveAll(1, terminals)
	var wg sync.WaitGroup
	var done atomic.Int32
	for n := range apps {
		nc := app(t, agents[n%terminals].AppURL())
		wg.Go(func() {
			for i := range each {
				body := fmt.Sprintf(`{"app":%d,"n":%d}`, n, i)
				m, err := askErr(nc, "request.kv.put", body)
				if err != nil || codeOf(m) != 0 || string(m.Data) != body {
					t.Errorf("request %s: %v, %v", body, m, err)
					return
				}
				done.Add(1)
			}
		})
	}
	processtest.Await(t, "a third is done", func() bool { return done.Load() > apps*each/3 || t.Failed() })
	b.serveAll(2, terminals)
	processtest.Await(t, "two thirds are done", func() bool { return done.Load() > 2*apps*each/3 || t.Failed() })
	if got := a.attachIn(3, 2); got.Attached != terminals {
		t.Errorf("back to a: %+v", got)
	}
	a.grant(3, time.Hour)
	wg.Wait()
}

func TestInterface_EndsWithItsBus(t *testing.T) {
	users := broker.NewUsers()
	users.Allow("x", broker.Grant{Password: "x"})
	server := must[*broker.Server](t)(broker.NewServer(broker.ServerConfig{Name: "bus", Listen: "127.0.0.1:0", Users: users}))
	if err := server.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	i := New(Config{Bus: bus.ConnConfig{URL: server.URL(), User: "x", Password: "x"}, Host: "a"})
	ended := make(chan error, 1)
	go func() { ended <- i.Run(t.Context()) }()
	<-i.Started()
	server.Stop()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("ended without an error")
		}
	case <-time.After(patience):
		t.Fatal("does not end")
	}
}
