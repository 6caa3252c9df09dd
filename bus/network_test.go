package bus_test

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
)

// A program that is being started holds what its parent has closed, until it executes: here the copy of a listener does.
func TestOpenPort_WhileAProgramIsStarted(t *testing.T) {
	t.Parallel()
	closedButHeld := func(t *testing.T) (address string) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		copied, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := net.Listen("tcp", l.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatalf("a port that is held: %v", err)
		}
		time.AfterFunc(50*time.Millisecond, func() { _ = copied.Close() })
		return l.Addr().String()
	}
	t.Run("by a listener", func(t *testing.T) {
		l, err := bus.TCP{}.Listen(t.Context(), closedButHeld(t))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if _, err := (bus.TCP{}).Listen(t.Context(), l.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("a port that somebody has: %v", err)
		}
	})
	t.Run("by a server", func(t *testing.T) {
		s, err := broker.NewServer(broker.ServerConfig{Name: "test", Listen: closedButHeld(t)})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer s.Stop()
		conn, err := bus.Connect(t.Context(), bus.ConnConfig{Name: "test", URL: s.URL()})
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		other, err := broker.NewServer(broker.ServerConfig{Name: "other", Listen: s.Address()})
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Start(t.Context()); !errors.Is(err, bus.ErrListen) || !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("a port that somebody has: %v", err)
		}
	})
}
