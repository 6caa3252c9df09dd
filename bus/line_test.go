package bus

import (
	"net"
	"testing"
	"time"
)

// linePair is a line and the other side of it.
func linePair(t *testing.T) (*Line, *net.TCPConn) {
	t.Helper()
	listener, err := TCP{}.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := TCP{}.Dial(t.Context(), listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	other, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	return NewLine(conn), other.(*net.TCPConn)
}

func TestLine_RemembersWhoEndedIt(t *testing.T) {
	for name, c := range map[string]struct {
		end   func(own *Line, other *net.TCPConn) error
		ended bool
	}{
		"FIN": {func(_ *Line, other *net.TCPConn) error { return other.Close() }, true},
		"RST": {func(_ *Line, other *net.TCPConn) error {
			if err := other.SetLinger(0); err != nil {
				return err
			}
			return other.Close()
		}, true},
		"own deadline": {func(own *Line, _ *net.TCPConn) error { return own.SetReadDeadline(time.Now()) }, false},
		"own close":    {func(own *Line, _ *net.TCPConn) error { return own.Close() }, false},
	} {
		own, other := linePair(t)
		if own.Ended() {
			t.Errorf("%s: ended before it did", name)
		}
		if err := c.end(own, other); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := own.Read(make([]byte, 1)); err == nil {
			t.Fatalf("%s: read something", name)
		}
		if own.Ended() != c.ended {
			t.Errorf("%s: ended by the other side: %v", name, own.Ended())
		}
	}
}
