package wire

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

// fuzzedSubject is heard by the subscription numbered 2.
const fuzzedSubject = "fuzzed"

// piped is a network whose one connection is to a server that greets, waits for the subscription, says a stream in pieces, and
// closes.
type piped struct {
	stream []byte
	piece  int
}

func (p piped) Dial(context.Context, string) (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		_, _ = io.WriteString(far, liarsGreeting) // what fails here the other side sees
		r := bufio.NewReader(far)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if line == "PING\r\n" {
				_, _ = io.WriteString(far, "PONG\r\n")
			}
			if strings.HasPrefix(line, "SUB "+fuzzedSubject) {
				break
			}
		}
		go func() { _, _ = io.Copy(io.Discard, r) }()
		for piece := range slices.Chunk(p.stream, p.piece) {
			if _, err := far.Write(piece); err != nil {
				return
			}
		}
	}()
	return near, nil
}

func (piped) Listen(context.Context, string) (net.Listener, error) { return nil, errors.ErrUnsupported }

// heardByWire returns what a session's connection hears of a stream, and why it ended.
func heardByWire(t *testing.T, network piped) (heard []*nats.Msg, why error) {
	w := must[*Conn](t)(NewDialer(network, 1).Attempt(t.Context()).Connect(Config{Name: "f", URL: "nats://127.0.0.1:1", Complaint: func(error) {}}))
	defer w.Close()
	w.Subscribe(fuzzedSubject, func(m *nats.Msg) { heard = append(heard, m) })
	if err := w.PublishMsg(&nats.Msg{Subject: "x"}); err != nil && w.Up().Err() == nil { // the subscription goes with it
		t.Fatal(err)
	}
	select {
	case <-w.Up().Done():
	case <-time.After(patience):
		t.Fatalf("it does not end: %q", network.stream)
	}
	w.Close()
	return heard, context.Cause(w.Up())
}

// customDial is a dialer of the client library.
type customDial struct{ dial *Attempt }

func (c customDial) Dial(_, address string) (net.Conn, error) {
	return c.dial.dial(c.dial.dialer.network, address)
}

// heardByLibrary returns what the client library hears of it.
func heardByLibrary(t *testing.T, network piped) (heard []*nats.Msg) {
	closed := make(chan struct{})
	nc := must[*nats.Conn](t)(nats.Connect("nats://127.0.0.1:1", nats.NoReconnect(), nats.SetCustomDialer(customDial{NewDialer(network, 1).Attempt(t.Context())}),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})))
	defer nc.Close()
	must[*nats.Subscription](t)(nc.SubscribeSync("first")) // number 1
	got := make(chan *nats.Msg, 1024)
	must[*nats.Subscription](t)(nc.ChanSubscribe(fuzzedSubject, got))
	select {
	case <-closed:
	case <-time.After(patience):
		t.Fatalf("the library does not end: %q", network.stream)
	}
	for len(got) > 0 {
		if m := <-got; m != nil {
			heard = append(heard, m)
		}
	}
	return heard
}

// FuzzWire holds that whatever a terminal says ends a connection or is taken, in any pieces, and that it is taken as the client library
// takes it.
func FuzzWire(f *testing.F) {
	f.Add([]byte("MSG fuzzed 2 5\r\nhello\r\nPING\r\nMSG fuzzed 2 re.ply 0\r\n\r\n"), 3)
	f.Add([]byte("HMSG fuzzed 2 r 12 13\r\nNATS/1.0\r\n\r\nx\r\nPONG\r\n+OK\r\nINFO {}\r\nMSG fuzzed 2 1\r\ny\r\n"), 1)
	f.Add([]byte("HMSG fuzzed 2 30 31\r\nNATS/1.0 503 No\r\nA: b\r\na: c\r\n\r\nx\r\n"), 7)
	f.Add([]byte("HMSG fuzzed 2 14 14\r\nNATS/1.0\r\nA\r\n\r\n\r\nMSG fuzzed 2 1\r\ny\r\n"), 100)
	f.Add([]byte("MSG other 9999999999 1\r\nx\r\n-ERR 'Permissions Violation for x'\r\nMSG fuzzed 2 1\r\ny\r\n-ERR 'no'\r\n"), 5)
	f.Add([]byte("MSG _INBOX.x.1 1 1\r\nx\r\nMSG fuzzed 2 4096\r\n"+strings.Repeat("x", 4096)+"\r\n"), 4096)
	f.Fuzz(func(t *testing.T, stream []byte, piece int) {
		if piece < 1 || len(stream) > 16<<10 || len(stream)/piece > 1024 || bytes.Count(stream, []byte("MSG")) > 1000 {
			return
		}
		network := piped{stream, piece}
		heard, why := heardByWire(t, network)
		if !errors.Is(why, bus.ErrDisconnected) {
			t.Fatalf("it ended with %v", why)
		}
		if _, err := feed(liarsGreeting+string(stream), len(liarsGreeting)+len(stream)); err != nil || bytes.Contains(stream, []byte("-ERR")) {
			return // what is passed before the connection ends depends on the pieces; what ends it at the library, on its version
		}
		want := heardByLibrary(t, network)
		// The library takes a message whose last byte is still to come, and one with headers that are none.
		whole := errors.Is(why, io.EOF) && bytes.HasSuffix(stream, []byte("\n"))
		if len(heard) > len(want) || whole && len(heard) != len(want) {
			t.Fatalf("%q: %d messages, the library hears %d; %v", stream, len(heard), len(want), why)
		}
		for n, m := range heard {
			other := want[n]
			if m.Subject != other.Subject || m.Reply != other.Reply || !bytes.Equal(m.Data, other.Data) || len(m.Header) != len(other.Header) {
				t.Fatalf("%q: message %d is %+v, the library's %+v", stream, n, m, other)
			}
			for key, values := range other.Header {
				if !slices.Equal(m.Header[key], values) {
					t.Fatalf("%q: header %q of message %d is %q, the library's %q", stream, key, n, m.Header[key], values)
				}
			}
		}
	})
}
