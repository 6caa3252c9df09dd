package bus_test

import (
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
)

func startServer(t testing.TB, users *broker.Users) *broker.Server {
	t.Helper()
	s, err := broker.NewServer(broker.ServerConfig{Name: "test", Listen: "127.0.0.1:0", Users: users})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func connect(t testing.TB, s *broker.Server, c bus.ConnConfig) *bus.Conn {
	t.Helper()
	c.URL = s.URL()
	conn, err := bus.Connect(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}
