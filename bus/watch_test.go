package bus_test

import (
	"bytes"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"

	"github.com/hotpair/hotpair/bus/broker"
)

// deafLine is a connection on which nothing comes back any more once it is deaf; it counts the pings that go out.
type deafLine struct {
	net.Conn
	deaf  atomic.Bool
	pings atomic.Int64
}

func (l *deafLine) Read(p []byte) (int, error) {
	for {
		n, err := l.Conn.Read(p)
		if err != nil || !l.deaf.Load() {
			return n, err
		}
	}
}

func (l *deafLine) Write(p []byte) (int, error) {
	l.pings.Add(int64(bytes.Count(p, []byte("PING\r\n"))))
	return l.Conn.Write(p)
}

// Dial is nats.CustomDialer.
func (l *deafLine) Dial(network, address string) (net.Conn, error) {
	conn, err := net.Dial(network, address)
	l.Conn = conn
	return l, err
}

func watched(t *testing.T) (*bus.Conn, *deafLine) {
	t.Helper()
	users := broker.NewUsers()
	users.Allow("u", broker.Grant{Password: "p"})
	line := &deafLine{}
	return connect(t, startServer(t, users), bus.ConnConfig{User: "u", Password: "p", Dialer: line, Once: true}), line
}

func TestConn_WatchEndsWhatIsSilent(t *testing.T) {
	conn, line := watched(t)
	ended := make(chan struct{})
	go func() { defer close(ended); conn.Watch(t.Context(), 20*time.Millisecond) }()
	for before := line.pings.Load(); line.pings.Load() < before+5; {
		time.Sleep(time.Millisecond)
	}
	if err := conn.Up().Err(); err != nil {
		t.Fatal("a connection that answers was given up:", err)
	}
	line.deaf.Store(true)
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("silence is not noticed")
	}
	if _, err := conn.Request(t.Context(), "x", nil); !errors.Is(err, bus.ErrDisconnected) {
		t.Fatal("after silence:", err)
	}
}

func TestConn_SuspectAsksAtOnce(t *testing.T) {
	conn, line := watched(t)
	line.deaf.Store(true)
	before := line.pings.Load()
	began := time.Now()
	conn.Suspect(t.Context(), 50*time.Millisecond)
	if conn.Up().Err() == nil || line.pings.Load() != before+2 {
		t.Fatalf("up: %v, %d pings", conn.Up().Err() == nil, line.pings.Load()-before)
	}
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Fatalf("given up after %v, before two pings had their time", took)
	}
}
