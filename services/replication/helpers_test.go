package replication

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc64"
	"log/slog"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/position"
)

const secret = "the password of the peer"

// within gives a context that ends with the test or when something takes unreasonably long.
func within(tb testing.TB, d time.Duration) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	tb.Cleanup(cancel)
	return ctx
}

// testLogger writes to the test's log.
func testLogger(tb testing.TB, host string) *slog.Logger {
	return slog.New(slog.NewTextHandler(testWriter{tb}, &slog.HandlerOptions{Level: slog.LevelInfo})).With("at", host)
}

type testWriter struct{ tb testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.tb.Helper()
	defer func() { _ = recover() }() // a log line after the end of the test
	w.tb.Log(string(p))
	return len(p), nil
}

// openJournal opens a journal that is closed with the test.
func openJournal(tb testing.TB, c JournalConfig) *Journal {
	tb.Helper()
	if c.Host == "" {
		c.Host = "b"
	}
	if c.Dir == "" {
		c.Dir = tb.TempDir()
	}
	c.Listen, c.Password = "127.0.0.1:0", secret
	j := NewJournal(c)
	if err := j.Open(within(tb, 20*time.Second)); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := j.Close(); err != nil {
			tb.Error(err)
		}
	})
	return j
}

// chain makes entries of one epoch that follow m; the first one begins the epoch if it is above m's.
func chain(tb testing.TB, m storage.Mark, epoch uint64, n int, text string) []storage.Stored {
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

func endOf(entries []storage.Stored) storage.Mark { return entries[len(entries)-1].Mark() }

// frameOf is a frame message of entries that follow m.
func frameOf(term Term, m storage.Mark, entries []storage.Stored) Message {
	return Message{Frame: NewFrame(term, m.Digest, entries, m.Position)}
}

func encoded(tb testing.TB, m Message) []byte {
	tb.Helper()
	raw, err := Encode(m)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// session connects with granted credentials, as a sender does.
func dialSession(tb testing.TB, j *Journal, c Credentials) *bus.Conn {
	tb.Helper()
	conn, err := bus.Connect(within(tb, 10*time.Second), bus.ConnConfig{
		Name: "session", URL: "nats://" + j.Address(), User: c.User, Password: c.Password, Inbox: c.Inbox, Once: true,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(conn.Close)
	return conn
}

// summed gives raw the checksum that fits, and a version byte.
func summed(raw []byte) []byte {
	if len(raw) == 0 {
		return raw
	}
	body := append([]byte{messageVersion}, raw[1:]...)
	return binary.BigEndian.AppendUint64(body, crc64.Checksum(body, sumTable))
}
