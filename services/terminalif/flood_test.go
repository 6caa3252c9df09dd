package terminalif

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminalif/wire"
)

// A terminal that says everything but PONG must not gather questions without an answer for as long as it lives.
func TestWire_EndsWhoNeverAnswersAPing(t *testing.T) {
	deaf := startLiar(t, greets("deaf", func(_ net.Conn, r *bufio.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	}))
	h := startHost(t, "a", deaf.terminal("deaf"))
	h.awaitWarm(1)
	conn := h.roster.all()[0].warm()
	now, cancel := context.WithCancel(t.Context())
	cancel()
	for n := range 10_000 {
		if err := conn.FlushWithContext(now); conn.Up().Err() != nil {
			t.Logf("ended after %d: %v", n, err)
			return
		}
	}
	t.Error("10,000 questions wait for an answer")
}

// A terminal whose server refuses without end fills no log.
func TestSession_ToldOfRefusalsNowAndThen(t *testing.T) {
	const refusals = 1000
	liar := startLiar(t, greets("t1", func(conn net.Conn, _ *bufio.Reader) error {
		_, err := io.WriteString(conn, strings.Repeat("-ERR 'Permissions Violation for Publish to \"x\"'\r\n", refusals)+"-ERR 'Stale Connection'\r\n")
		return err
	}))
	h := startHost(t, "a")
	var logged processtest.Output
	s := newSession("t1", liar.terminal("t1").URL, keyOf("t1"), h.Interface, slog.New(slog.NewTextHandler(&logged, nil)))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := s.once(ctx); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("it ended with %v", err)
	}
	if told := strings.Count(logged.String(), "complains"); told == 0 || told > 10 {
		t.Errorf("told of %d refusals", told)
	}
}

// Whether a silent active is replaced waits for no terminal that takes no bytes.
func TestAsk_WaitsForNobodyWhoCannotBeWrittenTo(t *testing.T) {
	h := startHost(t, "a")
	near, far := net.Pipe() // holds nothing: who writes waits until it is read
	t.Cleanup(func() { _ = far.Close() })
	go func() {
		_, _ = io.WriteString(far, liarsGreeting) // what fails here the other side sees
		for r := bufio.NewReader(far); ; {
			if line, err := r.ReadString('\n'); err != nil || line == "PING\r\n" {
				break
			}
		}
		_, _ = io.WriteString(far, "PONG\r\n")
	}()
	deaf := must[*wire.Conn](t)(wire.NewDialer(given{near}, 1).Attempt(t.Context()).Connect(wire.Config{URL: "nats://deaf:1", Complaint: func(error) {}}))
	t.Cleanup(deaf.Close)
	s := newSession("deaf", "nats://deaf:1", "", h.Interface, testLog(t))
	s.conn = deaf
	h.roster.set([]*session{s})
	t.Cleanup(func() { h.roster.set(nil) })
	asked := must[bus.TerminalsAsked](h.t)(h.ask(t.Context(), bus.AskTerminals{Within: 20 * time.Millisecond}))
	if asked.Asked != 1 || asked.Silent != 1 || len(asked.Fresh) != 0 {
		t.Errorf("asked %+v", asked)
	}
	if deaf.Up().Err() != nil {
		t.Error("it waited until the write was given up")
	}
}

// given is a network of one connection.
type given struct{ conn net.Conn }

func (g given) Dial(context.Context, string) (net.Conn, error) { return g.conn, nil }

func (given) Listen(context.Context, string) (net.Listener, error) { return nil, errors.ErrUnsupported }
