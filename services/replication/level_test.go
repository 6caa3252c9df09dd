package replication

import (
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/level/leveltest"
)

var rewrite = leveltest.Rewrite()

// packed holds the form of a call with every field set against its golden file.
func packed[T any](t *testing.T, name string) {
	t.Helper()
	leveltest.Check(t, *rewrite, leveltest.Form[T]{
		Name:   name + ".cbor",
		Encode: func(v T) ([]byte, error) { return bus.Encode(v) },
		Decode: func(raw []byte) (v T, err error) { return v, bus.Decode(raw, &v) },
	}, leveltest.Filled[T]())
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
	packed[copyBeginRequest](t, "copy-begin")
	packed[copyRangeRequest](t, "copy-range")
	packed[copyEndRequest](t, "copy-end")
	packed[copyReply](t, "copy-reply")
}
