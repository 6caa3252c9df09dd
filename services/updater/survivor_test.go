package updater

import (
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus"
)

// TestFault_A16_ASurvivorOfAHigherEpochJoins: a host was restored from an older backup and forced to an epoch below the one that the other
// host had served meanwhile. That one refuses it, and says which epoch it knows. Once an epoch above is taken it joins: what only it has is kept as divergent.
func TestFault_A16_ASurvivorOfAHigherEpochJoins(t *testing.T) {
	a, b := pairServing(t)
	a.puts(1, 5, "together")
	equal(a, b)
	a.stop()
	a.mate, b.mate = nil, nil // what one host's main reads now, the other's never does
	b.lead(5, false)
	b.puts(5, 12, "given up")
	b.stop()
	a.start()
	a.lead(3, false)
	a.puts(3, 4, "kept")
	b.start()
	a.await("the other host refuses", func(s bus.UpdaterState) bool {
		return s.Peer == bus.PeerRefused && strings.Contains(s.PeerReason, "a higher epoch is known: 5")
	})
	if f := b.facts(); f.Epoch != 5 {
		t.Errorf("it knows epoch %d", f.Epoch)
	}

	b.reads(6)
	a.lead(6, false)
	a.pairUp(6)
	a.puts(6, 3, "after")
	equal(a, b)
	b.await("what only it had is kept as divergent", func(s bus.UpdaterState) bool { return s.Divergent == 13 && s.DivergentCommitted > 0 })
}
