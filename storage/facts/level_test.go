package facts

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/hotpair/hotpair/services/level/leveltest"
)

var rewrite = leveltest.Rewrite()

// TestLevel_Facts: the file of facts of this level. What a later program adds is skipped as long as the level has not risen.
func TestLevel_Facts(t *testing.T) {
	sample := leveltest.Filled[Data]()
	sample.Version = factsVersion
	leveltest.Check(t, *rewrite, leveltest.Form[Data]{
		Name: FileName, Encode: encodeFacts, Decode: func(raw []byte) (Data, error) { return decodeFacts(FileName, raw) },
	}, sample)

	raw, err := json.Marshal(struct {
		Later string `json:"of_a_later_program"`
		Data
	}{"x", sample})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	raw, err = json.Marshal(factsFile{Kind: kind, Facts: raw, Sum: hex.EncodeToString(sum[:])})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeFacts(FileName, raw); err != nil || got.Session != sample.Session || got.Epoch != sample.Epoch {
		t.Errorf("with a field that this program does not know: %+v, %v", got, err)
	}
}
