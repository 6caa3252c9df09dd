package replication

import (
	"testing"

	"github.com/hotpair/hotpair/services/level/leveltest"
)

var rewrite = leveltest.Rewrite()

// batched holds the form of a call with every field set against its golden file.
func batched[T any](t *testing.T, name string) {
	t.Helper()
	leveltest.Check(t, *rewrite, leveltest.Packed[T](name), leveltest.Filled[T]())
}

// TestLevel_Calls: what hosts of this level say to each other about what they hold.
func TestLevel_Calls(t *testing.T) {
	leveltest.Check(t, *rewrite, leveltest.JSON[helloRequest]("hello"), leveltest.Filled[helloRequest]())
	leveltest.Check(t, *rewrite, leveltest.JSON[helloReply]("hello-reply"), leveltest.Filled[helloReply]())
	batched[digestsRequest](t, "digests")
	batched[digestsReply](t, "digests-reply")
	batched[entriesRequest](t, "entries")
	batched[entriesReply](t, "entries-reply")
	batched[placeRequest](t, "place")
	batched[placeReply](t, "place-reply")
	batched[openReply](t, "open-reply")
	batched[noteRequest](t, "note")
	batched[committedRequest](t, "committed")
	batched[copyBeginRequest](t, "copy-begin")
	batched[copyRangeRequest](t, "copy-range")
	batched[copyEndRequest](t, "copy-end")
	batched[copyReply](t, "copy-reply")
}
