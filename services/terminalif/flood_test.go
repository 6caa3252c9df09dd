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

	"github.com/hotpair/hotpair/services/process/processtest"
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
