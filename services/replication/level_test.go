package replication

import (
	"testing"

	"github.com/hotpair/hotpair/services/level/leveltest"
)

var rewrite = leveltest.Rewrite()

// packed holds the form of a call with every field set against its golden file.
func packed[T any](t *testing.T, name string) {
	t.Helper()
	leveltest.Check(t, *rewrite, leveltest.Packed[T](name), leveltest.Filled[T]())
}

// TestLevel_Calls: what hosts of this level say to each other about what they hold.
func TestLevel_Calls(t *testing.T) {
	leveltest.Check(t, *rewrite, leveltest.JSON[helloRequest]("hello"), leveltest.Filled[helloRequest]())
	leveltest.Check(t, *rewrite, leveltest.JSON[helloReply]("hello-reply"), leveltest.Filled[helloReply]())
	packed[digestsRequest](t, "digests")
	packed[digestsReply](t, "digests-reply")
	packed[entriesRequest](t, "entries")
	packed[entriesReply](t, "entries-reply")
	packed[placeRequest](t, "place")
	packed[placeReply](t, "place-reply")
	packed[openReply](t, "open-reply")
	packed[noteRequest](t, "note")
	packed[committedRequest](t, "committed")
	packed[snapshotBeginRequest](t, "copy-begin")
	packed[snapshotRangeRequest](t, "copy-range")
	packed[snapshotEndRequest](t, "copy-end")
	packed[snapshotReply](t, "copy-reply")
}
