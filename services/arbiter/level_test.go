package arbiter

import (
	"testing"

	"github.com/hotpair/hotpair/services/level/leveltest"
	"github.com/hotpair/hotpair/services/role"
)

var rewrite = leveltest.Rewrite()

// TestLevel_PairRecord: what the witness of this level says, and the record as it lies in its register.
func TestLevel_PairRecord(t *testing.T) {
	leveltest.Check(t, *rewrite, leveltest.JSON[Hello]("hello"), leveltest.Filled[Hello]())
	leveltest.Check(t, *rewrite, leveltest.Form[role.Record]{Name: "record.json", Encode: Encode, Decode: Decode, Skips: true}, leveltest.Filled[role.Record]())
}
