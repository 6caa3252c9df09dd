package link

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/journal/journaltest"
)

const secret = "the password of the peer"

// openJournal opens the journal of host b, a server that hosts connect to. It is closed with the test.
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
