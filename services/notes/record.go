package notes

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/role"
)

// Keeper is who keeps the pair record, as a part of main that runs and has a state.
type Keeper interface {
	arbiter.Register
	Run(ctx context.Context) error
	Status() arbiter.Status
}

// Record is the pair record as a main reads and changes it.
type Record struct {
	Keeper
	Own   *OwnRegister // the keeper, when there is no witness; nil when there is one
	clock lease.Clock
	// wrote is when this main last changed the record, on its clock; 0 is never.
	wrote atomic.Int64
	told  atomic.Pointer[role.Record] // by the witness at the last read that came about
	noted atomic.Pointer[role.Record] // pair and version that this host had seen before this main
}

// NewRecord makes it. own is the keeper, when there is no witness; else nil.
func NewRecord(keeper Keeper, own *OwnRegister, clock lease.Clock) *Record {
	return &Record{Keeper: keeper, Own: own, clock: clock}
}

// Seen notes which version the witness has just told.
func (r *Record) Seen(v arbiter.Value) { r.told.Store(&v.Record) }

// Noted notes the pair and the version of the record that this host had made durable before this main.
func (r *Record) Noted(pairID string, version uint64) {
	r.noted.Store(&role.Record{PairID: pairID, Version: version})
}

// WentBack says that the witness's record is older than what this host knows of the same pair; "" when it is not.
func (r *Record) WentBack(v role.View) string {
	told, seen := r.told.Load(), &v.Record
	if noted := r.noted.Load(); noted != nil && (!v.HasRecord || noted.Version > seen.Version && noted.PairID == seen.PairID) {
		seen = noted
	} else if !v.HasRecord {
		return ""
	}
	if told == nil || v.Foreign == "" || told.PairID != seen.PairID || told.Version >= seen.Version {
		return ""
	}
	return fmt.Sprintf("the witness went back to record version %d, this host has seen %d", told.Version, seen.Version)
}

// Write tries a compare-and-set.
func (r *Record) Write(ctx context.Context, record role.Record, expected uint64) (revision uint64, err error) {
	revision, err = r.Keeper.Write(ctx, record, expected)
	if err == nil {
		r.wrote.Store(int64(r.clock()))
	}
	return revision, err
}

// Written implements operations.Record.
func (r *Record) Written() (ago time.Duration, ever bool) {
	at := r.wrote.Load()
	return r.clock() - time.Duration(at), at != 0
}
