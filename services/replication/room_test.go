package replication

import (
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// TestFault_A13_AStandbyThatCanNotApply: the database of the standby hangs, its journal takes what comes. It acknowledges all of it, keeps a bounded
// part in memory, and comes to the same once its database goes on; so does what it has to keep as divergent.
func TestFault_A13_AStandbyThatCanNotApply(t *testing.T) {
	const room = 256 << 10
	a, b := newHost(t, "a"), newHost(t, "b")
	b.journal.Keep, b.room = room, room
	a.start()
	b.start()
	a.serve(7, b)
	a.awaitState(bus.PeerClose)
	a.hold()
	b.stuck.Store(true)
	for range 12 {
		a.work(10, strings.Repeat("v", 100_000))
	}
	end := a.store.Committed()
	processtest.Await(t, "everything in the other journal", func() bool { return b.l.End() == end })
	// One piece is taken in before it is looked how much there is.
	if held := b.store.Bytes(); held < room || held > room+5<<20 || b.l.End() != end {
		t.Errorf("%d bytes are committed and not applied, of room for %d", held, room)
	}
	b.stuck.Store(false)
	same(t, a, b)
}
