// Package journaltest holds helpers for tests of the journal and its writers.
package journaltest

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// Within gives a context that ends with the test or when something takes unreasonably long.
func Within(tb testing.TB, d time.Duration) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	tb.Cleanup(cancel)
	return ctx
}

// Logger writes to the test's log.
func Logger(tb testing.TB, host string) *slog.Logger {
	return slog.New(slog.NewTextHandler(writer{tb}, &slog.HandlerOptions{Level: slog.LevelInfo})).With("at", host)
}

type writer struct{ tb testing.TB }

func (w writer) Write(p []byte) (int, error) {
	w.tb.Helper()
	defer func() { _ = recover() }() // a log line after the end of the test
	w.tb.Log(string(p))
	return len(p), nil
}

// Chain makes entries of one epoch that follow m; the first one begins the epoch if it is above m's.
func Chain(tb testing.TB, m history.Mark, epoch uint64, n int, text string) []history.Stored {
	tb.Helper()
	entries := make([]history.Stored, 0, n)
	for i := range n {
		e := history.Entry{
			Position: position.Position{Epoch: epoch, Sequence: m.Position.Sequence + 1},
			Kind:     history.KindUpdate,
			Time:     int64(m.Position.Sequence + 1),
			Space:    "kv",
			Effects:  []history.Effect{{Key: []byte(fmt.Sprintf("key-%d", (m.Position.Sequence+1)%97)), Value: []byte(fmt.Sprintf("%s-%d-%d", text, epoch, i))}},
		}
		if epoch != m.Position.Epoch {
			e = history.Entry{Position: e.Position, Kind: history.KindBegan, Time: e.Time, Host: "a", Identity: "identity-a"}
		}
		s, err := history.NewStored(m.Digest, e)
		if err != nil {
			tb.Fatal(err)
		}
		entries = append(entries, s)
		m = s.Mark()
	}
	return entries
}

// End is the mark of the last entry.
func End(entries []history.Stored) history.Mark { return entries[len(entries)-1].Mark() }
