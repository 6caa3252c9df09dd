package replication

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/storage/history"
)

const secret = "the password of the peer"

// openJournal opens the journal of host b, which is closed with the test.
func openJournal(tb testing.TB) *journal.Journal {
	tb.Helper()
	j := journal.New(journal.Config{Host: "b", Dir: tb.TempDir(), Listen: "127.0.0.1:0", Password: secret})
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
func frameOf(term journal.Term, m history.Mark, entries []history.Stored) journal.Message {
	return journal.Message{Frame: journal.NewFrame(term, m.Digest, entries, m.Position)}
}

func encoded(tb testing.TB, m journal.Message) []byte {
	tb.Helper()
	raw, err := journal.Encode(m)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}
