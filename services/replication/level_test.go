package replication

import (
	"testing"

	"github.com/hotpair/hotpair/services/level/leveltest"
)

var rewrite = leveltest.Rewrite()

// encodedForm holds the form of a call with every field set against its golden file.
func encodedForm[T any](t *testing.T, name string) {
	t.Helper()
	leveltest.Check(t, *rewrite, leveltest.Encoded[T](name), leveltest.Filled[T]())
}

// TestLevel_Calls: what hosts of this level say to each other about what they hold.
func TestLevel_Calls(t *testing.T) {
	leveltest.Check(t, *rewrite, leveltest.JSON[helloRequest]("hello"), leveltest.Filled[helloRequest]())
	leveltest.Check(t, *rewrite, leveltest.JSON[helloReply]("hello-reply"), leveltest.Filled[helloReply]())
	encodedForm[digestsRequest](t, "digests")
	encodedForm[digestsReply](t, "digests-reply")
	encodedForm[entriesRequest](t, "entries")
	encodedForm[entriesReply](t, "entries-reply")
	encodedForm[placeRequest](t, "place")
	encodedForm[placeReply](t, "place-reply")
	encodedForm[openReply](t, "open-reply")
	encodedForm[noteRequest](t, "note")
	encodedForm[committedRequest](t, "committed")
	encodedForm[snapshotBeginRequest](t, "copy-begin")
	encodedForm[snapshotRangeRequest](t, "copy-range")
	encodedForm[snapshotEndRequest](t, "copy-end")
	encodedForm[snapshotReply](t, "copy-reply")
}
