package arbitertest

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/role/record"
)

// within bounds each call of the suite; a register that takes longer fails.
const within = 10 * time.Second

// Conformance shows that a Register is one. open gives two independent ways, as the two hosts have them, to a fresh
// register.
func Conformance(t *testing.T, open func(t *testing.T) (a, b arbiter.Register)) {
	cases := []struct {
		name string
		run  func(*testing.T, arbiter.Register, arbiter.Register)
	}{
		{"ReadOfFresh_IsEmptyAndNamesTheWitness", readOfFresh},
		{"WriteThenRead_GivesBackEverything", writeThenRead},
		{"WriteOfZero_DemandsNeverWritten", writeOfZero},
		{"WriteOfStaleRevision_Conflicts", writeOfStale},
		{"WriteOfFutureRevision_Conflicts", writeOfFuture},
		{"WriteForOtherWitness_IsRefused", writeForOther},
		{"WriteThatNoHostMakes_IsRefused", writeImpossible},
		{"CallAfterDeadline_IsUnreachable", callAfterDeadline},
		{"ConcurrentWrites_OneWinsEachRevision", concurrentWrites},
		{"OversizedRecord_IsNotSent", oversizedRecord},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, b := open(t)
			c.run(t, a, b)
		})
	}
}

// Sample is a full record for the witness with this identity.
func Sample(witness string) role.Record {
	a, b := role.Member{Host: "a", Identity: "ida"}, role.Member{Host: "b", Identity: "idb"}
	return role.Record{
		PairID: "pair", WitnessID: witness, Version: 3, Epoch: 7, Active: a, InSync: []role.Member{a, b},
		LongestLease: 1500 * time.Millisecond,
	}
}

func read(t *testing.T, r arbiter.Register) arbiter.Value {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	v, err := r.Read(ctx)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return v
}

func write(t *testing.T, r arbiter.Register, record role.Record, expected uint64) (uint64, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return r.Write(ctx, record, expected)
}

func mustWrite(t *testing.T, r arbiter.Register, record role.Record, expected uint64) uint64 {
	t.Helper()
	revision, err := write(t, r, record, expected)
	if err != nil {
		t.Fatalf("Write(expected %d): %v", expected, err)
	}
	if revision <= expected {
		t.Fatalf("Write(expected %d) = revision %d, must rise", expected, revision)
	}
	return revision
}

func wantConflict(t *testing.T, r arbiter.Register, record role.Record, expected uint64) {
	t.Helper()
	before := read(t, r)
	if _, err := write(t, r, record, expected); !errors.Is(err, arbiter.ErrConflict) {
		t.Errorf("Write(expected %d) on revision %d = %v, want ErrConflict", expected, before.Revision, err)
	}
	if after := read(t, r); after.Revision != before.Revision || !after.Record.Equal(before.Record) {
		t.Errorf("a refused write changed the register from %+v to %+v", before, after)
	}
}

func readOfFresh(t *testing.T, a, b arbiter.Register) {
	va, vb := read(t, a), read(t, b)
	if !va.Empty || va.Revision != 0 || va.WitnessID == "" {
		t.Errorf("fresh register reads %+v", va)
	}
	if va.WitnessID != vb.WitnessID {
		t.Errorf("the two hosts see witnesses %q and %q", va.WitnessID, vb.WitnessID)
	}
}

func writeThenRead(t *testing.T, a, b arbiter.Register) {
	record := Sample(read(t, a).WitnessID)
	revision := mustWrite(t, a, record, 0)
	v := read(t, b)
	if v.Empty || v.Revision != revision || !v.Record.Equal(record) {
		t.Errorf("b reads %+v, a wrote %+v at %d", v, record, revision)
	}
	record.Version++
	record.InSync = record.InSync[:1]
	next := mustWrite(t, b, record, revision)
	if v := read(t, a); v.Revision != next || !v.Record.Equal(record) {
		t.Errorf("a reads %+v, b wrote %+v at %d", v, record, next)
	}
}

func writeOfZero(t *testing.T, a, b arbiter.Register) {
	record := Sample(read(t, a).WitnessID)
	mustWrite(t, a, record, 0)
	wantConflict(t, b, record, 0)
}

func writeOfStale(t *testing.T, a, b arbiter.Register) {
	record := Sample(read(t, a).WitnessID)
	first := mustWrite(t, a, record, 0)
	record.Version++
	mustWrite(t, b, record, first)
	record.Version++
	wantConflict(t, a, record, first)
}

func writeOfFuture(t *testing.T, a, b arbiter.Register) {
	record := Sample(read(t, a).WitnessID)
	wantConflict(t, a, record, 1)
	revision := mustWrite(t, a, record, 0)
	wantConflict(t, b, record, revision+1)
}

func writeForOther(t *testing.T, a, _ arbiter.Register) {
	for _, id := range []string{"", "somebody else"} {
		_, err := write(t, a, Sample(id), 0)
		if !errors.Is(err, arbiter.ErrOtherWitness) || !errors.Is(err, arbiter.ErrUnreachable) {
			t.Errorf("Write for witness %q = %v, want ErrOtherWitness", id, err)
		}
	}
	if v := read(t, a); !v.Empty {
		t.Errorf("a refused record was written: %+v", v)
	}
}

func writeImpossible(t *testing.T, a, _ arbiter.Register) {
	before := Sample(read(t, a).WitnessID)
	revision := mustWrite(t, a, before, 0)
	next := before
	next.Version = math.MaxUint64
	if _, err := write(t, a, next, revision); !errors.Is(err, record.ErrImpossible) || !errors.Is(err, arbiter.ErrUnreachable) {
		t.Errorf("Write of the last version = %v, want ErrImpossible and ErrUnreachable", err)
	}
	if v := read(t, a); v.Revision != revision || !v.Record.Equal(before) {
		t.Errorf("a refused write left %+v", v)
	}
}

func callAfterDeadline(t *testing.T, a, _ arbiter.Register) {
	record := Sample(read(t, a).WitnessID)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := a.Write(ctx, record, 0); !errors.Is(err, arbiter.ErrUnreachable) {
		t.Errorf("Write after the deadline = %v, want ErrUnreachable", err)
	}
	if _, err := a.Read(ctx); !errors.Is(err, arbiter.ErrUnreachable) {
		t.Errorf("Read after the deadline = %v, want ErrUnreachable", err)
	}
	if v := read(t, a); !v.Empty {
		t.Errorf("a write that was not sent arrived: %+v", v)
	}
}

func concurrentWrites(t *testing.T, a, b arbiter.Register) {
	const each, writers = 20, 3
	base := Sample(read(t, a).WitnessID)
	base.Version = 0
	won := make(chan uint64, 2*each*writers)
	var group sync.WaitGroup
	for _, r := range []arbiter.Register{a, b} {
		for range writers {
			group.Go(func() {
				for range each {
					v := read(t, r)
					next := base
					next.Version = v.Record.Version + 1
					switch revision, err := write(t, r, next, v.Revision); {
					case err == nil:
						won <- revision
					case !errors.Is(err, arbiter.ErrConflict):
						t.Errorf("Write: %v", err)
					}
				}
			})
		}
	}
	group.Wait()
	close(won)
	seen := map[uint64]bool{}
	for revision := range won {
		if seen[revision] {
			t.Errorf("two writes got revision %d", revision)
		}
		seen[revision] = true
	}
	if v := read(t, a); v.Record.Version != uint64(len(seen)) {
		t.Errorf("%d writes won, but the record counts %d", len(seen), v.Record.Version)
	}
}

func oversizedRecord(t *testing.T, a, _ arbiter.Register) {
	record := Sample(read(t, a).WitnessID)
	record.PairID = string(make([]byte, arbiter.MaxRecord))
	if _, err := write(t, a, record, 0); !errors.Is(err, arbiter.ErrUnreachable) {
		t.Errorf("Write of an oversized record = %v, want ErrUnreachable", err)
	}
}
