package door_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/identity"
)

// TLS on a port for plain text, and plain text where TLS was dialled: both sides say so.
func TestPlain_SaysThatTLSCame(t *testing.T) {
	_, b, _ := hosts(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := door.NewPlain(listener, "link", nil)
	var echoing sync.WaitGroup
	echoing.Go(func() { echo(p, &echoing) })
	defer echoing.Wait()
	defer p.Close()
	if _, err := dial(t, p.Addr().String(), b); !errors.Is(err, identity.ErrRefused) || !strings.Contains(err.Error(), "HOTPAIR_INSECURE") || door.After(evidence.Ended, err) != evidence.Silent {
		t.Errorf("who dialled with TLS: %v", err)
	}
	awaitRefusal(t, p.Stats, door.ErrTLS, "HOTPAIR_INSECURE")
	for _, says := range []string{"hello", "\x16x", "\x16"} {
		c := raw(t, p.Addr().String(), says)
		back := make([]byte, len(says))
		if _, err := io.ReadFull(c, back); err != nil || string(back) != says {
			t.Errorf("%q came back as %q: %v", says, back, err)
		}
		_ = c.Close()
	}
	speaks := answering(t, "INFO {\"server_id\":\"x\"}\r\n", false)
	if _, err := dial(t, speaks, b); !errors.Is(err, identity.ErrNotTLS) || !strings.Contains(err.Error(), `"INFO "`) {
		t.Errorf("a server that speaks first: %v", err)
	}
}

// answering is a listener that says something to whoever comes, and then closes or waits.
func answering(t *testing.T, says string, closes bool) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, says)
			if closes {
				if says == "" {
					_ = c.(*net.TCPConn).SetLinger(0) // a reset
				}
				_ = c.Close()
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	return l.Addr().String()
}

// What a dial proves about the other process: a refusal of TCP is one, whatever comes after TCP has accepted is none.
func TestDial_ProvesADeathByTCPAlone(t *testing.T) {
	_, b, _ := hosts(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for what, c := range map[string]struct {
		address string
		is      error
		proof   door.Proof
		after   evidence.State // what was Ended before
	}{
		"nobody listens":              {closed.Addr().String(), syscall.ECONNREFUSED, door.Refused, evidence.Refused},
		"accepted, and reset":         {answering(t, "", true), identity.ErrHandshakeEnded, door.Closed, evidence.Ended},
		"accepted, and ended":         {answering(t, "\x16\x03\x03", true), identity.ErrHandshakeEnded, door.Silent, evidence.Silent},
		"accepted, and never greeted": {answering(t, "", false), identity.ErrHandshakeTimeout, door.Silent, evidence.Silent},
		"something else":              {answering(t, "SSH-2.0-OpenSSH\r\n", false), identity.ErrNotTLS, door.Silent, evidence.Silent},
		"no such name":                {"nowhere.invalid:1", nil, door.Unreached, evidence.Ended},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := door.Dial(ctx, bus.TCP{}, c.address, b)
		cancel()
		var fault *door.Fault
		if !errors.As(err, &fault) || fault.Proof != c.proof || c.is != nil && !errors.Is(err, c.is) || !strings.HasPrefix(err.Error(), c.address+": ") {
			t.Errorf("%s: %v (%+v)", what, err, fault)
		}
		if c.proof != door.Refused && errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s looks like a refusal: %v", what, err)
		}
		if after := door.After(evidence.Ended, err); after != c.after {
			t.Errorf("%s: known is %s, not %s", what, after, c.after)
		}
		if after := door.After(evidence.Silent, err); after != evidence.Silent {
			t.Errorf("%s of a port that never answered: known is %s", what, after)
		}
	}
	reason := errors.New("the term is over")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	if _, err := door.Dial(ctx, bus.TCP{}, closed.Addr().String(), b); !errors.Is(err, reason) {
		t.Errorf("a dial that nobody wants any more: %v", err)
	}
}

// Closing a connection whose other end does not read waits a moment, not the five seconds of crypto/tls.
func TestConn_CloseWaitsForNobody(t *testing.T) {
	a, b, _ := hosts(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := door.Open(listener, door.Config{Offers: []door.Offer{a}})
	defer d.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := d.Listener(service).Accept(); err == nil {
			accepted <- c // and reads nothing
		}
	}()
	c, err := dial(t, d.Addr().String(), b)
	if err != nil {
		t.Fatal(err)
	}
	in := <-accepted
	defer in.Close()
	// Below TLS, which does not know then that it can't say anything any more.
	under := c.NetConn()
	for _, size := range []int{1 << 20, 1 << 10, 1} {
		for err = nil; err == nil; {
			_ = under.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			_, err = under.Write(make([]byte, size))
		}
	}
	_ = under.SetWriteDeadline(time.Time{})
	began := time.Now()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("closing took %v", took)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// A wire is a network for a bus.
func TestWire_IsANetwork(t *testing.T) {
	a, b, _ := hosts(t)
	var network bus.Network = door.Wire{Under: bus.TCP{}, Door: door.Config{Offers: []door.Offer{a}}}
	l, err := network.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var echoing sync.WaitGroup
	echoing.Go(func() { echo(l, &echoing) })
	defer echoing.Wait()
	defer l.Close()
	c, err := door.Wire{Under: bus.TCP{}, Door: door.Config{Offers: []door.Offer{b}}}.Dial(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	speak(t, c)
	if c, err := (door.Wire{Under: bus.TCP{}, Door: door.Config{Offers: []door.Offer{a}}}).Dial(t.Context(), l.Addr().String()); err == nil || c != nil {
		t.Errorf("a dials itself: %v, %v", c, err)
	}
}

// faulty is a listener that fails now and then, as when the process has no descriptor left.
type faulty struct {
	net.Listener
	fails int
}

func (f *faulty) Accept() (net.Conn, error) {
	if f.fails--; f.fails >= 0 {
		return nil, syscall.EMFILE
	}
	return f.Listener.Accept()
}

func TestDoor_OutlivesAnAcceptThatFails(t *testing.T) {
	a, b, _ := hosts(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := door.Open(&faulty{listener, 3}, door.Config{Offers: []door.Offer{a}})
	var echoing sync.WaitGroup
	echoing.Go(func() { echo(d.Listener(service), &echoing) })
	defer echoing.Wait()
	defer d.Close()
	c, err := dial(t, d.Addr().String(), b)
	if err != nil {
		t.Fatal(err)
	}
	speak(t, c)
	_ = c.Close()
}
