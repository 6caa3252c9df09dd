package terminalif

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// TestFault_B3_ANewDirectoryIsToldWhereToBegin: a terminal that was set up anew began at its own clock. Now it says that it is new, and
// the host asks the updater; what waited before that is served, and nobody else is asked about.
func TestFault_B3_ANewDirectoryIsToldWhereToBegin(t *testing.T) {
	agent, other := newAgent(t, "t1"), newAgent(t, "t2")
	h := startHost(t, "a", terminalsOf(agent, other)...)
	h.grant(1, time.Hour)
	var last atomic.Uint64
	h.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) {
		if q.ID.Terminal == "t1" && q.ID.Counter <= last.Swap(q.ID.Counter) {
			t.Errorf("number %d comes again", q.ID.Counter)
		}
		echo(q, answer)
	})
	h.awaitWarm(2)
	h.attachIn(1, 1)
	if got := h.asked.Load(); got != 2 {
		t.Fatalf("the updater was asked %d times for two new terminals", got)
	}
	listen := strings.TrimPrefix(agent.URL(), "nats://")
	for life := range uint64(3) {
		wantCode(t, ask(t, app(t, agent.AppURL()), "request.kv.put", `{}`), bus.CodeOK)
		if n := last.Load(); n <= h.base.Load() {
			t.Errorf("life %d: number %d, the pair said %d", life, n, h.base.Load())
		}
		agent.stop()
		if err := os.RemoveAll(agent.dir); err != nil {
			t.Fatal(err)
		}
		agent = startAgent(t, "t1", filepath.Join(t.TempDir(), "t1"), listen, nil)
		early := askLater(app(t, agent.AppURL()), "request.kv.put", `{}`) // may wait for the attach
		processtest.Await(t, "attached again", func() bool { return h.asked.Load() == int64(3+life) && h.State().Attached == 2 })
		select {
		case m := <-early:
			wantCode(t, m, bus.CodeOK)
		case <-time.After(patience):
			t.Fatal("what came before the attach is not answered")
		}
	}
	// A host that comes later asks nothing about terminals that have their numbers.
	h.attachIn(2, 2)
	if got := h.asked.Load(); got != 5 {
		t.Errorf("asked %d times", got)
	}
}

// What is queued at a terminal has numbers of a series of its own, which no other request of it can get into.
func TestNumbers_QueuesAreASeriesOfTheirOwn(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	h.grant(1, time.Hour)
	asked := make(chan bus.Request, 4)
	h.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) {
		asked <- q
		echo(q, answer)
	})
	h.awaitWarm(1)
	h.attachIn(1, 1)
	nc := app(t, agent.AppURL())
	m := &nats.Msg{Subject: "request.kv.put", Data: []byte(`{"n":1}`), Header: nats.Header{bus.HeaderQueue: {"yes"}}}
	if reply, err := nc.RequestMsg(m, patience); err != nil || reply.Header.Get(bus.HeaderErrorCode) != "" {
		t.Fatalf("%+v, %v", reply, err)
	}
	if q := <-asked; q.ID != (bus.RequestID{Terminal: "t1+queue", Counter: queueBase + 1}) || q.Oldest != queueBase+1 || string(q.Body) != `{"n":1}` {
		t.Errorf("%+v", q)
	}
	wantCode(t, ask(t, nc, "request.kv.put", `{}`), bus.CodeOK)
	if q := <-asked; q.ID.Terminal != "t1" || q.ID.Counter >= queueBase {
		t.Errorf("%+v", q)
	}
}

// TestFault_D5_TheAgentTellsOfTheHostsServices: what a service of this host says of itself comes to the applications of a terminal, under
// the subjects where they ask.
func TestFault_D5_TheAgentTellsOfTheHostsServices(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	h.startSingle("tickets", "sell", func(micro.Request) {})
	h.announce("tickets", 1, true)
	processtest.Await(t, "the service is described", func() bool { return len(h.relay.services.catalogue()) == 1 })
	h.awaitWarm(1)
	h.attachIn(1, 1)
	m := must[*nats.Msg](t)(app(t, agent.AppURL()).Request("$SRV.INFO.tickets", nil, patience))
	var info micro.Info
	if err := json.Unmarshal(m.Data, &info); err != nil || len(info.Endpoints) != 1 || info.Endpoints[0].Subject != "request.tickets.sell" || info.Version != "1.0.0" {
		t.Errorf("%s, %v", m.Data, err)
	}
	// An operator who probes the terminal meanwhile greets it as the session does: nothing is forgotten by it.
	if p := order(h, bus.CallTerminalsProbe, bus.ProbeTerminals{IDs: []string{"t1"}}); len(p.Terminals) != 1 || p.Terminals[0].Outcome != bus.ProbeOK {
		t.Fatalf("probed: %+v", p)
	}
	if _, err := app(t, agent.AppURL()).Request("$SRV.INFO.tickets", nil, patience); err != nil {
		t.Errorf("after a probe: %v", err)
	}
}
