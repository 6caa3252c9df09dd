package terminal

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/batch"
	"github.com/hotpair/hotpair/services/process/processtest"
)

const patience = 10 * time.Second

// running is an agent that runs until the test ends, or until stop.
type running struct {
	*Agent
	stop func()
}

func start(t testing.TB, dir string, change func(*Config)) *running {
	t.Helper()
	c := Config{ID: "t1", Listen: processtest.Address(t), Apps: processtest.Address(t), Key: "key", Data: dir}
	if change != nil {
		change(&c)
	}
	a := &running{Agent: New(c)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	var once sync.Once
	a.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("agent: %v", err)
			}
		})
	}
	t.Cleanup(a.stop)
	select {
	case <-a.Started():
	case err := <-done:
		t.Fatalf("agent: %v", err)
	}
	return a
}

func app(t testing.TB, a *running) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(a.AppURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// host is a host's side of a session, made by hand.
type host struct {
	t    testing.TB
	name string
	conn *bus.Conn
	base uint64 // that it tells a new directory

	queueBase uint64 // 0: it takes nothing that is queued

	services []bus.AgentService
}

func newHost(t testing.TB, a *running, name string) *host {
	t.Helper()
	conn, err := bus.Connect(t.Context(), bus.ConnConfig{Name: name, URL: a.URL(), User: bus.AgentUser, Password: "key", Once: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return &host{t: t, name: name, conn: conn, base: 1 << 17}
}

func call[A any](h *host, subject string, question any) A {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply, err := h.conn.Request(ctx, subject, bus.EncodeJSON(question))
	if err != nil {
		h.t.Fatal(err)
	}
	var answer A
	if err := bus.DecodeJSON(reply.Data, &answer); err != nil {
		h.t.Fatal(err)
	}
	return answer
}

// attach serves a session with handle.
func (h *host) attach(epoch, counter uint64, handle func(bus.Request, func(bus.Reply))) bus.AgentAttached {
	h.t.Helper()
	return h.attachTo("pair", epoch, counter, handle)
}

func (h *host) attachTo(pair string, epoch, counter uint64, handle func(bus.Request, func(bus.Reply))) bus.AgentAttached {
	h.t.Helper()
	session := fmt.Sprintf("%s-%d-%d", h.name, epoch, counter)
	_, err := batch.NewResponder[bus.Request, bus.Reply](h.conn, bus.SessionRequests(session), "",
		func(r bus.Reply) int { return len(r.Body) },
		func(q bus.Request, _ string, answer func(bus.Reply)) { handle(q, answer) }, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return call[bus.AgentAttached](h, bus.SubjectAgentAttach, bus.AgentAttach{
		PairID: pair, Host: h.name, Identity: "id-" + h.name, Epoch: epoch, Counter: counter, Session: session, Base: h.base, Services: h.services,
		QueueBase: h.queueBase, Queues: h.queueBase != 0,
	})
}

func request(t testing.TB, nc *nats.Conn, subject, body string, headers ...string) *nats.Msg {
	t.Helper()
	m := &nats.Msg{Subject: subject, Data: []byte(body), Header: nats.Header{}}
	for i := 0; i+1 < len(headers); i += 2 {
		m.Header.Set(headers[i], headers[i+1])
	}
	reply, err := nc.RequestMsg(m, patience)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func wantCode(t testing.TB, m *nats.Msg, code int) {
	t.Helper()
	got, _ := strconv.Atoi(m.Header.Get(bus.HeaderErrorCode))
	if got != code {
		t.Errorf("answer %d %q (%s), want %d", got, m.Header.Get(bus.HeaderError), m.Data, code)
	}
}

func issued(own string) string { return time.Now().UTC().Format(time.RFC3339Nano) + "/" + own }
