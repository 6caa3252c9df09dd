package journal

import (
	"context"
	"encoding/binary"
	"hash/crc64"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/storage/history"
)

const secret = "the password of the peer"

// openJournal opens a journal that is closed with the test.
func openJournal(tb testing.TB, c Config) *Journal {
	tb.Helper()
	if c.Host == "" {
		c.Host = "b"
	}
	if c.Dir == "" {
		c.Dir = tb.TempDir()
	}
	c.Listen, c.Password = "127.0.0.1:0", secret
	j := New(c)
	if err := j.Open(journaltest.Within(tb, 20*time.Second)); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := j.Close(); err != nil {
			tb.Error(err)
		}
	})
	return j
}

// frameOf is a frame message of entries that follow m.
func frameOf(term Term, m history.Mark, entries []history.Stored) Message {
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
	conn, err := bus.Connect(journaltest.Within(tb, 10*time.Second), bus.ConnConfig{
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

// publish appends one message over a connection.
func publish(ctx context.Context, conn *bus.Conn, subject string, last uint64, raw []byte) (uint64, error) {
	a, err := NewAppender(conn, subject)
	if err != nil {
		return 0, err
	}
	defer a.Close()
	return a.Append(ctx, last, raw)
}
