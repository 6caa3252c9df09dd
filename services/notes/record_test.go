package notes

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/role"
)

// countingWitness is a witness as a connection shows it; restored, it counts its revisions anew.
type countingWitness struct {
	Keeper
	value     arbiter.Value
	connected time.Time
	reads     int
}

func (w *countingWitness) Status() arbiter.Status { return arbiter.Status{Since: w.connected} }

func (w *countingWitness) Read(context.Context) (arbiter.Value, error) {
	w.reads++
	return w.value, nil
}

func (w *countingWitness) Write(_ context.Context, record role.Record, expected uint64) (uint64, error) {
	if expected != w.value.Revision {
		return 0, arbiter.ErrConflict
	}
	w.value.Record, w.value.Revision = record, expected+1
	return expected + 1, nil
}

// TestFault_A11_ARevisionOfARestoredWitnessIsAnother: a witness that was restored from a copy gives revision 3 again, to another record
// than the one of which a host knows it. A compare-and-set that went by the number replaced what nobody had seen.
func TestFault_A11_ARevisionOfARestoredWitnessIsAnother(t *testing.T) {
	w := &countingWitness{value: arbiter.Value{Record: role.Record{Version: 3}, Revision: 3}, connected: time.Unix(1, 0)}
	r := NewRecord(w, nil, func() time.Duration { return 0 }, func(time.Duration) {})
	over := role.Record{Version: 3}
	if _, err := r.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Restored, and written since: the number is the same.
	w.value.Record, w.connected = role.Record{Version: 7}, time.Unix(2, 0)
	if _, err := r.Replace(t.Context(), 3, over, role.Record{Version: 4}); !errors.Is(err, arbiter.ErrConflict) {
		t.Fatalf("the record of version 7 is replaced: %v", err)
	}
	w.value = arbiter.Value{Record: over, Revision: 3}
	w.connected, w.reads = time.Unix(3, 0), 0
	for version := uint64(4); version < 7; version++ {
		next := role.Record{Version: version}
		if revision, err := r.Replace(t.Context(), version-1, over, next); err != nil || revision != version {
			t.Fatalf("version %d: revision %d, %v", version, revision, err)
		}
		over = next
	}
	if w.reads != 1 {
		t.Errorf("%d reads of one connection, want one", w.reads)
	}
}
