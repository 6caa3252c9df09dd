package world

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// wired gives both ends of a connection from a to a port of b.
func wired(t *testing.T) (n *Network, a, b *Endpoint, near, far net.Conn) {
	t.Helper()
	n = NewNetwork()
	a, b = n.Endpoint("10.0.0.1"), n.Endpoint("10.0.0.2")
	l, err := b.Listen(t.Context(), "10.0.0.2:1")
	if err != nil {
		t.Fatal(err)
	}
	if near, err = a.Dial(t.Context(), "10.0.0.2:1"); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return n, a, b, near, far
}

func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// hears reads what arrives within a time, "" for nothing.
func hears(t *testing.T, c net.Conn, within time.Duration) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 100)
	n, err := c.Read(p)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	return string(p[:n])
}

func TestNetwork_CutWireIsSilentInItsDirection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b, near, far := wired(t)
		n.Cut("10.0.0.1", "10.0.0.2")
		say(t, near, "lost?")
		say(t, far, "heard")
		if text := hears(t, far, time.Second); text != "" {
			t.Errorf("%q came through a cut wire", text)
		}
		if text := hears(t, near, time.Second); text != "heard" {
			t.Errorf("the other direction gave %q", text)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := a.Dial(ctx, "10.0.0.2:1"); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a dial into a cut wire gave %v", err)
		}
		n.Repair("10.0.0.1", "10.0.0.2")
		if text := hears(t, far, time.Second); text != "lost?" {
			t.Errorf("after the wire was whole again came %q", text)
		}
		a.Sever()
		b.Sever()
	})
}

func TestNetwork_SlowAndStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b, near, far := wired(t)
		n.Slow("10.0.0.1", "10.0.0.2", 300*time.Millisecond)
		began := time.Now()
		say(t, near, "slow")
		if text := hears(t, far, time.Second); text != "slow" || time.Since(began) != 300*time.Millisecond+hop {
			t.Errorf("%q after %s", text, time.Since(began))
		}
		n.Stall("10.0.0.2:1")
		say(t, far, "held")
		if text := hears(t, near, time.Second); text != "" {
			t.Errorf("%q came from a server that stands still", text)
		}
		n.Release("10.0.0.2:1")
		if text := hears(t, near, time.Second); text != "held" {
			t.Errorf("after its release came %q", text)
		}
		a.Sever()
		b.Sever()
	})
}

// A killed process's peers read what it said last, then the end; its ports refuse, and it can do nothing more.
func TestEndpoint_SeverIsTheEndOfAProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b, near, far := wired(t)
		say(t, far, "last words")
		b.Sever()
		if text := hears(t, near, time.Second); text != "last words" {
			t.Errorf("it left %q", text)
		}
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("its end shows as %v", err)
		}
		if _, err := near.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("writing to it gave %v", err)
		}
		if _, err := a.Dial(t.Context(), "10.0.0.2:1"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("its port gave %v", err)
		}
		if _, err := b.Dial(t.Context(), "10.0.0.2:1"); err == nil {
			t.Error("it dials")
		}
		if _, err := b.Listen(t.Context(), "10.0.0.2:2"); err == nil {
			t.Error("it listens")
		}
		if _, err := far.Write([]byte("x")); err == nil {
			t.Error("it writes")
		}
		a.Sever()
	})
}

func TestEndpoint_PortsAreTakenOnce(t *testing.T) {
	n := NewNetwork()
	a, b := n.Endpoint("10.0.0.1"), n.Endpoint("10.0.0.2")
	if _, err := a.Listen(t.Context(), ":7"); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Endpoint("10.0.0.1").Listen(t.Context(), "127.0.0.1:7"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second listener got %v", err)
	}
	if _, err := b.Listen(t.Context(), ":7"); err != nil {
		t.Errorf("another machine got %v", err)
	}
	l, err := a.Listen(t.Context(), ":0")
	if err != nil || l.Addr().(*net.TCPAddr).Port == 0 {
		t.Errorf("a free port is %v, %v", l, err)
	}
}
