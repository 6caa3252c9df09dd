package journal

import (
	"testing"

	"github.com/hotpair/hotpair/services/level/leveltest"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

var rewrite = leveltest.Rewrite()

// TestLevel_Frames: what stands in a journal of this level.
func TestLevel_Frames(t *testing.T) {
	stored, err := history.NewStored(history.Digest{}, history.Entry{
		Position: position.Position{Epoch: 3, Sequence: 7}, Kind: history.KindUpdate, Time: 1_700_000_000_000_000_000, Space: "s",
		Effects: []history.Effect{{Key: []byte("k"), Value: []byte("v")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]Message{
		"frame": {Frame: NewFrame(Term{Epoch: 3, Session: 2}, history.Digest{}, []history.Stored{stored}, position.Position{Epoch: 3, Sequence: 6})},
		"fence": {Fence: &Fence{Term: Term{Epoch: 3, Session: 2}, Host: "a"}},
		"cut":   {Truncation: &Truncation{Term: Term{Epoch: 3, Session: 2}, End: stored.Mark()}},
	} {
		leveltest.Check(t, *rewrite, leveltest.Form[Message]{Name: name + ".bin", Encode: Encode, Decode: Decode}, m)
	}
}
