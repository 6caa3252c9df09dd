// Package journaltest holds what the tests of the journal and of those who write to it share.
package journaltest

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/hotpair/hotpair/storage"
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
func Chain(tb testing.TB, m storage.Mark, epoch uint64, n int, text string) []storage.Stored {
	tb.Helper()
	entries := make([]storage.Stored, 0, n)
	for i := range n {
		e := storage.Entry{
			Position: position.Position{Epoch: epoch, Sequence: m.Position.Sequence + 1},
			Kind:     storage.KindUpdate,
			Time:     int64(m.Position.Sequence + 1),
			Space:    "kv",
			Effects:  []storage.Effect{{Key: []byte(fmt.Sprintf("key-%d", (m.Position.Sequence+1)%97)), Value: []byte(fmt.Sprintf("%s-%d-%d", text, epoch, i))}},
		}
		if epoch != m.Position.Epoch {
			e = storage.Entry{Position: e.Position, Kind: storage.KindBegan, Time: e.Time, Host: "a", Identity: "identity-a"}
		}
		s, err := storage.NewStored(m.Digest, e)
		if err != nil {
			tb.Fatal(err)
		}
		entries = append(entries, s)
		m = s.Mark()
	}
	return entries
}

// End is the mark of the last entry.
func End(entries []storage.Stored) storage.Mark { return entries[len(entries)-1].Mark() }
