package history

import (
	"testing"

	"github.com/hotpair/hotpair/services/level/leveltest"
)

var rewrite = leveltest.Rewrite()

// TestLevel_Entries: what stands in a history of this level. Its bytes are digested, so no program may write them otherwise.
func TestLevel_Entries(t *testing.T) {
	filled := leveltest.Filled[Entry]()
	leveltest.Check(t, *rewrite, form("entry-outbox"), filled)
	filled.Outbox = nil
	leveltest.Check(t, *rewrite, form("entry"), filled)
	leveltest.Check(t, *rewrite, form("entry-least"), Entry{Kind: KindUpdate, Time: 1_700_000_000_000_000_000, Space: "s"})
}

// form is that of an entry.
func form(name string) leveltest.Form[Entry] {
	return leveltest.Form[Entry]{Name: name + ".bin", Encode: func(e Entry) ([]byte, error) { return e.Encode() }, Decode: DecodeEntry}
}
