package mainprocess

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

func testBus(t *testing.T) (*bus.Conn, *bus.Conn) {
	t.Helper()
	server, err := bus.NewServer(bus.ServerConfig{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	var conns [2]*bus.Conn
	for i := range conns {
		if conns[i], err = bus.Connect(t.Context(), bus.ConnConfig{InProcess: server, Once: true, Ping: time.Minute}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conns[i].Close)
	}
	return conns[0], conns[1]
}

func TestOrders_ArriveInOrderAndFailOnce(t *testing.T) {
	mine, theirs := testBus(t)
	o, err := newOrders(t.Context(), bus.HostConns{Control: mine, Traffic: mine})
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 300)
	if _, err := theirs.Subscribe("control.updater.>", func(m *nats.Msg) {
		got <- string(m.Data)
		if m.Subject == "control.updater.answered" {
			_ = m.Respond([]byte(`{"error":"no"}`))
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Flush(); err != nil {
		t.Fatal(err)
	}
	results := make(chan error, 300)
	for i := range 100 {
		ask(o, "updater", "control.updater.silent", i, time.Minute, func(_ bus.Done, err error) { results <- err })
	}
	for i := range 100 {
		if s := <-got; s != string(bus.EncodeJSON(i)) {
			t.Fatalf("order %d came as %s", i, s)
		}
	}
	o.lost("terminal-if")
	select {
	case err := <-results:
		t.Fatalf("another process's end ended an order: %v", err)
	default:
	}
	o.lost("updater")
	for range 100 {
		if err := <-results; !errors.Is(err, bus.ErrDisconnected) {
			t.Fatalf("got %v", err)
		}
	}
	answer, err := askWait[bus.Done](t.Context(), o, "updater", "control.updater.answered", "x", time.Minute)
	if err != nil || answer.Error != "no" {
		t.Fatalf("%+v, %v", answer, err)
	}
	if _, err := askWait[bus.Done](t.Context(), o, "updater", "control.updater.silent", "x", time.Millisecond); !errors.Is(err, errNoAnswer) {
		t.Fatalf("got %v, want errNoAnswer", err)
	}
	if _, err := askWait[bus.Done](t.Context(), o, "nobody", "control.nobody", "x", time.Minute); !errors.Is(err, bus.ErrNobody) {
		t.Fatalf("got %v, want ErrNobody", err)
	}
}
