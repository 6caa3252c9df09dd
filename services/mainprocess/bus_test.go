package mainprocess

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
)

// testBus gives two connections to a bus of the test's own.
func testBus(t *testing.T) (*bus.Conn, *bus.Conn) {
	t.Helper()
	server, err := broker.NewServer(broker.ServerConfig{Name: "test"})
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
