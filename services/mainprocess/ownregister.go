package mainprocess

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/role"
)

// ownRegister is the register of a host without a witness: its own copy of the pair record, kept among its durable facts.
// A write is durable when it is acknowledged and there is nobody to lose against; what it can't do is say what the other
// host knows, so the role machine asks the terminals before it relies on it.
type ownRegister struct {
	keep func(ctx context.Context, record json.RawMessage) error // makes a copy durable

	mu     sync.Mutex
	known  bool // the updater has told what is on disk
	record role.Record
}

// ownRevision orders records as the role machine does, so that the same record has the same revision on both hosts.
func ownRevision(r role.Record) uint64 { return r.Epoch<<24 | r.Version&(1<<24-1) }

// load takes the copy found on disk; empty is none.
func (o *ownRegister) load(raw json.RawMessage) error {
	var r role.Record
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &r); err != nil {
			return fmt.Errorf("own copy of the pair record: %w", err)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.record, o.known = r, true
	return nil
}

// Read implements arbiter.Register.
func (o *ownRegister) Read(context.Context) (arbiter.Value, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.known {
		return arbiter.Value{}, arbiter.ErrUnreachable
	}
	return arbiter.Value{Record: o.record, Revision: ownRevision(o.record), Empty: o.record.Version == 0}, nil
}

// Write implements arbiter.Register.
func (o *ownRegister) Write(ctx context.Context, record role.Record, expected uint64) (uint64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case !o.known:
		return 0, arbiter.ErrUnreachable
	case ownRevision(o.record) != expected:
		return 0, arbiter.ErrConflict
	}
	if err := o.store(ctx, record); err != nil {
		return 0, fmt.Errorf("%w: %w", arbiter.ErrUnknown, err)
	}
	return ownRevision(record), nil
}

// learn replaces the copy by what the other host knows.
func (o *ownRegister) learn(ctx context.Context, record role.Record) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.store(ctx, record)
}

func (o *ownRegister) store(ctx context.Context, record role.Record) error {
	raw, err := json.Marshal(record)
	if err != nil {
		return err
	}
	if err := o.keep(ctx, raw); err != nil {
		return err
	}
	o.record = record
	return nil
}

// Status implements witnessStatus.
func (o *ownRegister) Status() arbiter.Status { return arbiter.Status{Reachable: true} }

// Run implements runner: there is nobody to keep a connection to.
func (o *ownRegister) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
