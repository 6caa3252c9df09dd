package updater

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hotpair/hotpair/bus"
)

// Both hosts lost power, and what remembers where their journals ended was empty on both: each left the set, and a pair with two
// whole journals was served by nobody until somebody forced it.
func TestFault_A3_TwoWholeJournalsServeWhateverTheirHintsSay(t *testing.T) {
	a, b := newHosts(t)
	one, other := a.spawn(), b.spawn()
	a.lead(1, false)
	member(a, b)
	a.pairUp(1)
	a.puts(1, 20, "together")
	before := a.get("together-19")
	a.kill(one)
	b.kill(other)
	for _, h := range []*host{a, b} {
		if err := os.Truncate(filepath.Join(h.config.Data, journalDirectory, "stream.json"), 0); err != nil {
			t.Fatal(err)
		}
		h.start()
		if f := h.facts(); f.Note.Out {
			t.Errorf("host %s has left the set: %+v", h.config.Host, f)
		}
	}
	a.serve(bus.Serve{Epoch: 1, RecordVersion: 1, Resume: true})
	a.pairUp(1)
	if after := a.get("together-19"); after != before {
		t.Errorf("the value was %s and is %s", before, after)
	}
	equal(a, b)
}
