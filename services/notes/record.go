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

// Keeper is the part of main that reaches the keeper of the pair record. It runs and has a state.
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
	last  atomic.Pointer[shown]
	took  func(time.Duration) // is told how long the witness took to answer
}

// NewRecord returns a Record. own is the keeper when there is no witness, else nil. took is called with the latency of
// each answer of the witness.
func NewRecord(keeper Keeper, own *OwnRegister, clock lease.Clock, took func(time.Duration)) *Record {
	return &Record{Keeper: keeper, Own: own, clock: clock, took: took}
}

// shown is what the register was seen to hold, and since when its keeper was connected then.
type shown struct {
	since    time.Time
	revision uint64
	record   role.Record
}

// Read returns the content of the register.
func (r *Record) Read(ctx context.Context) (arbiter.Value, error) {
	since, asked := r.Status().Since, r.clock()
	v, err := r.Keeper.Read(ctx)
	if err == nil && r.Own == nil {
		r.took(r.clock() - asked)
	}
	if err == nil {
		r.last.Store(&shown{since: since, revision: v.Revision, record: v.Record})
	}
	return v, err
}

// Replace tries a compare-and-set over the record at the expected revision. A witness that was restored from a copy
// reuses revisions, so on a connection on which that revision was not seen yet with that record, it is read first: a
// restored witness was restarted, and no connection outlives that.
func (r *Record) Replace(ctx context.Context, expected uint64, over, record role.Record) (revision uint64, err error) {
	if last := r.last.Load(); r.Own == nil && (last == nil || last.revision != expected || !last.record.Equal(over) || last.since != r.Status().Since) {
		v, err := r.Read(ctx)
		switch {
		case err != nil:
			return 0, fmt.Errorf("%w: %w", arbiter.ErrUnreachable, err) // nothing was sent
		case v.Revision != expected || !v.Record.Equal(over):
			return 0, fmt.Errorf("%w: revision %d holds version %d, expected version %d under %d", arbiter.ErrConflict, v.Revision, v.Record.Version, over.Version, expected)
		}
	}
	since := r.Status().Since
	revision, err = r.Keeper.Write(ctx, record, expected)
	if err == nil {
		r.wrote.Store(int64(r.clock()))
		r.last.Store(&shown{since: since, revision: revision, record: record})
	}
	return revision, err
}

// Written implements operations.Record.
func (r *Record) Written() (ago time.Duration, ever bool) {
	at := r.wrote.Load()
	return r.clock() - time.Duration(at), at != 0
}
