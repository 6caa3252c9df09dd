package updater

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/journal/journaltest"
)

// TestFault_A16_ADamagedJournalIsForcedPast: the journal of the only host that is left is damaged at its end. It refuses to serve, because acknowledged updates may
// have stood there, and refused when an operator accepted that, too: nothing in the guide led out. What it says names the way, and that way is
// played: what stands behind the damage is kept as divergent, and the host serves.
func TestFault_A16_ADamagedJournalIsForcedPast(t *testing.T) {
	a, b := newHosts(t)
	a.start()
	b.start()
	a.lead(1, false)
	member(a, b)
	a.pairUp(1)
	a.puts(1, 5, "k")
	equal(a, b)
	a.stop()
	b.stop()
	c := b.config
	j := journal.New(journal.Config{Host: "b", Dir: filepath.Join(c.Data, journalDirectory), Password: config.DeriveKey(c.PairSecret.Reveal(), config.PurposeReplication), Used: true})
	ctx := journaltest.Within(t, patience)
	check(t, j.Open(ctx))
	_, err := j.Append(ctx, []byte("half of a message"))
	check(t, err)
	j.Close()

	b.start()
	err = refused(b, bus.CallPrepare, bus.Prepare{Epoch: 2})
	if !errors.Is(err, bus.ErrDamagedJournal) || !strings.Contains(err.Error(), "start the other host") || !strings.Contains(err.Error(), "hotpair promote --force") {
		t.Fatalf("it says %v", err)
	}
	held := b.facts().Position
	ordered(b, bus.CallPrepare, bus.Prepare{Epoch: 2, Repair: true})
	b.serve(bus.Serve{Epoch: 2, RecordVersion: 2})
	b.puts(2, 5, "after")
	if kept, err := os.ReadDir(filepath.Join(c.Data, "aside")); err != nil || len(kept) != 1 {
		t.Errorf("kept as divergent are %v (%v)", kept, err)
	}
	if now := b.facts().Position; now.Sequence <= held.Sequence {
		t.Errorf("from %v it came to %v", held, now)
	}
}
