package arbiter

import (
	"encoding/json"
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

func TestStored_Value(t *testing.T) {
	for text, want := range map[string]error{
		`{"revision":0}`:                                               nil, // never written
		`{"revision":4}`:                                               nil, // a purge's marker
		`{"revision":0,"record":{"format":1}}`:                         ErrDamaged,
		`{"revision":4,"record":{}}`:                                   ErrDamaged, // no format
		`{"revision":4,"record":{"format":2}}`:                         ErrDamaged,
		`{"revision":4,"record":"e30="}`:                               ErrDamaged,
		`{"revision":4,"record":{"format":1,"version":5,"version":6}}`: ErrDamaged,
	} {
		var held Stored
		if err := json.Unmarshal([]byte(text), &held); err != nil {
			t.Fatal(err)
		}
		v, err := held.Value()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
		if err == nil && (!v.Empty || v.Revision != held.Revision) {
			t.Errorf("%s: %+v", text, v)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"format":1,"pair_id":"p","in_sync":[{"host":"a"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if record, err := Decode(data); err == nil {
			if again, err := Encode(record); err == nil {
				if back, err := Decode(again); err != nil || !back.Equal(record) {
					t.Errorf("%+v became %+v, %v", record, back, err)
				}
			}
		}
		if v, err := (Stored{Revision: 3, Record: data}).Value(); err == nil && (v.Empty != (len(data) == 0) || v.Revision != 3) {
			t.Errorf("%q gives %+v", data, v)
		}
	})
}
