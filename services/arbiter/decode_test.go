package arbiter

import (
	"errors"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/role"
)

func TestEncode_RoundTrip(t *testing.T) {
	record := role.Record{
		PairID: "p", WitnessID: "w", Version: 1<<64 - 1, Epoch: 9, Active: role.Member{Host: "a", Identity: "x"},
		InSync: []role.Member{{Host: "a", Identity: "x"}}, LongestLease: time.Minute,
	}
	data, err := Encode(record)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(data); err != nil || !got.Equal(record) {
		t.Errorf("Decode = %+v, %v", got, err)
	}
}

func TestDecodeAcknowledgement_OnlyAWrongRevisionIsAConflict(t *testing.T) {
	for text, want := range map[string]error{
		`{"stream":"KV_pair","seq":5}`:                                    nil,
		`{"error":{"code":400,"err_code":10071}}`:                         ErrConflict,
		`{"error":{"code":400,"err_code":10164}}`:                         ErrConflict,
		`{"error":{"code":503,"err_code":10077,"description":"no disk"}}`: ErrUnknown,
		`{"stream":"KV_pair"}`:                                            ErrUnknown,
		`{"stream":"other","seq":5}`:                                      ErrUnknown,
		`{}`:                                                              ErrUnknown,
		`null`:                                                            ErrUnknown,
		``:                                                                ErrUnknown,
	} {
		if _, err := decodeAcknowledgement([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}

func TestDecodeValue_Refusals(t *testing.T) {
	for text, want := range map[string]error{
		`{"error":{"code":404,"err_code":10037}}`:         nil, // empty
		`{"message":{"seq":4}}`:                           nil, // a purge's marker
		`{"error":{"code":503,"err_code":10008}}`:         ErrUnknown,
		`{"message":{"seq":0,"data":"e30="}}`:             ErrDamaged,
		`{"message":{"seq":4,"data":"e30="}}`:             ErrDamaged, // no format
		`{"message":{"seq":4,"data":"eyJmb3JtYXQiOjJ9"}}`: ErrDamaged, // format 2
		`{}`: ErrDamaged,
		`x`:  ErrDamaged,
	} {
		v, err := decodeValue([]byte(text))
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
		if err == nil && !v.Empty {
			t.Errorf("%s: %+v is not empty", text, v)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"format":1,"pair_id":"p","in_sync":[{"host":"a"}]}`))
	f.Add([]byte(`{"message":{"seq":4,"data":"e30="}}`))
	f.Add([]byte(`{"stream":"KV_pair","seq":5}`))
	f.Add([]byte(`{"error":{"code":400,"err_code":10071}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if record, err := Decode(data); err == nil {
			if again, err := Encode(record); err == nil {
				if back, err := Decode(again); err != nil || !back.Equal(record) {
					t.Errorf("%+v became %+v, %v", record, back, err)
				}
			}
		}
		if v, err := decodeValue(data); err == nil && !v.Empty && v.Revision == 0 {
			t.Errorf("a record without a revision: %+v", v)
		}
		if r, err := decodeAcknowledgement(data); err == nil && r == 0 {
			t.Error("an acknowledgement without a revision")
		}
		_, _ = decodeHello(data)
	})
}
