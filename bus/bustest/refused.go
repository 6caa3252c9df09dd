package bustest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

const (
	// marker is a subject to which no user may publish.
	marker = "always.refused"
	// answerWithin bounds the answer to a flush.
	answerWithin = 30 * time.Second
)

// Refused tells whether the server refuses what was done last on a connection: it says so before it answers a flush. What it said before
// is forgotten by something that is allowed nowhere.
func Refused(t testing.TB, conn *bus.Conn) bool {
	t.Helper()
	if err := conn.FlushTimeout(answerWithin); err != nil {
		t.Fatal(err)
	}
	last := conn.LastError()
	was := last != nil && !strings.Contains(last.Error(), marker)
	if was && !errors.Is(last, nats.ErrPermissionViolation) {
		t.Error(last)
	}
	if err := errors.Join(conn.Publish(marker, nil), conn.FlushTimeout(answerWithin)); err != nil {
		t.Fatal(err)
	}
	return was
}
