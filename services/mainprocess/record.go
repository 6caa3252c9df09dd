package mainprocess

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/role"
)

// keeper is who keeps the pair record, as a part of main that runs and has a state.
type keeper interface {
	arbiter.Register
	Run(ctx context.Context) error
	Status() arbiter.Status
}

// pairRecord is the pair record as this main reads and changes it.
type pairRecord struct {
	keeper keeper
	own    *ownRegister // the keeper, when there is no witness; nil when there is one
	clock  lease.Clock
	// wrote is when this main last changed the record, on its clock; 0 is never.
	wrote atomic.Int64
}

// Read implements operations.Record.
func (r *pairRecord) Read(ctx context.Context) (arbiter.Value, error) { return r.keeper.Read(ctx) }

// write tries a compare-and-set.
func (r *pairRecord) write(ctx context.Context, record role.Record, expected uint64) (revision uint64, err error) {
	revision, err = r.keeper.Write(ctx, record, expected)
	if err == nil {
		r.wrote.Store(int64(r.clock()))
	}
	return revision, err
}

// Written implements operations.Record.
func (r *pairRecord) Written() (ago time.Duration, ever bool) {
	at := r.wrote.Load()
	return r.clock() - time.Duration(at), at != 0
}
