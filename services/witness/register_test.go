package witness

import (
	"errors"
	"testing"

	"github.com/hotpair/hotpair/services/arbiter"
)

// Only a wrong revision proves that nothing was stored.
func TestDecodeAcknowledgement_OnlyAWrongRevisionIsAConflict(t *testing.T) {
	for text, c := range map[string]struct{ ok, conflict bool }{
		`{"stream":"KV_pair","seq":5}`:                                    {ok: true},
		`{"error":{"code":400,"err_code":10071}}`:                         {conflict: true},
		`{"error":{"code":400,"err_code":10164}}`:                         {conflict: true},
		`{"error":{"code":503,"err_code":10077,"description":"no disk"}}`: {},
		`{"stream":"KV_pair"}`:                                            {},
		`{"stream":"other","seq":5}`:                                      {},
		`{}`:                                                              {},
		`null`:                                                            {},
		``:                                                                {},
	} {
		if _, err := decodeAcknowledgement([]byte(text)); (err == nil) != c.ok || errors.Is(err, arbiter.ErrConflict) != c.conflict {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestDecodeStored(t *testing.T) {
	for text, c := range map[string]struct {
		ok       bool
		revision uint64
	}{
		`{"error":{"code":404,"err_code":10037}}`: {ok: true},              // empty
		`{"message":{"seq":4}}`:                   {ok: true, revision: 4}, // a purge's marker
		`{"message":{"seq":4,"data":"e30="}}`:     {ok: true, revision: 4},
		`{"error":{"code":503,"err_code":10008}}`: {},
		`{"message":{"seq":0,"data":"e30="}}`:     {},
		`{}`:                                      {},
		`x`:                                       {},
	} {
		if h, err := decodeStored([]byte(text)); (err == nil) != c.ok || h.Revision != c.revision {
			t.Errorf("%s: %+v, %v", text, h, err)
		}
	}
}
