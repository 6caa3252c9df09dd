package notes

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/role"
)

// OwnRegister is the register of a host without a witness: its own copy of the pair record, kept among its durable
// facts. A write is durable when it is acknowledged, and no other host competes for it. It can't know what the other
// host knows, so the role machine asks the terminals before it relies on it.
//
// A record from the other host counts at once and is written until it is durable: a compare-and-set rests on the newest
// record that this main knows, so it does not fail because the updater was down when that record came. It never goes
// back to an older one.
type OwnRegister struct {
	*errand // writes what was learned
	keep    func(ctx context.Context, note bus.Note) error
	storing chan struct{} // one token: a write is under way

	mu      sync.Mutex
	known   bool // the updater has told what is on disk
	newest  role.Record
	stored  role.Record // of which it is certain that it is on disk
	problem string      // why newest is not, since it was tried
}

// NewOwnRegister returns the register; told is called with the reason why the copy can't be written, and with "" when
// it can.
func NewOwnRegister(keep func(ctx context.Context, note bus.Note) error, log *slog.Logger, told func(problem string)) *OwnRegister {
	o := &OwnRegister{keep: keep, storing: make(chan struct{}, 1)}
	o.errand = newErrand("the local copy of the pair record", log, o.write, func(problem string) {
		if problem != "" {
			problem = "its local copy of the pair record can't be written: " + problem
		}
		o.mu.Lock()
		o.problem = problem
		o.mu.Unlock()
		told(problem)
	})
	return o
}

// ownRevision orders records as the role machine does, so that the same record has the same revision on both hosts. It has room for
// 16 million changes of the record in one epoch; each is a fault or an order of an operator, and durable on both hosts.
func ownRevision(r role.Record) uint64 { return r.Epoch<<24 | r.Version&(1<<24-1) }

// Load takes the copy found on disk, which may be empty. An unreadable copy counts as none and is an error: the other
// host may send it again.
func (o *OwnRegister) Load(raw json.RawMessage) (err error) {
	var r role.Record
	if len(raw) > 0 {
		if err = json.Unmarshal(raw, &r); err != nil {
			r, err = role.Record{}, fmt.Errorf("local copy of the pair record: %w", err)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stored, o.known = r, true
	if r.Newer(o.newest) {
		o.newest = r
	}
	o.Wake()
	return err
}

// Read implements arbiter.Register.
func (o *OwnRegister) Read(context.Context) (arbiter.Value, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.known {
		return arbiter.Value{}, arbiter.ErrUnreachable
	}
	return arbiter.Value{Record: o.newest, Revision: ownRevision(o.newest), Empty: o.newest.Version == 0}, nil
}

// Write implements arbiter.Register.
func (o *OwnRegister) Write(ctx context.Context, record role.Record, expected uint64) (uint64, error) {
	end, err := o.begin(ctx)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", arbiter.ErrUnreachable, err)
	}
	defer end()
	o.mu.Lock()
	known, newest := o.known, o.newest
	o.mu.Unlock()
	switch {
	case !known:
		return 0, arbiter.ErrUnreachable
	case ownRevision(newest) != expected:
		return 0, arbiter.ErrConflict
	}
	if err := o.store(ctx, record); err != nil {
		return 0, fmt.Errorf("%w: %w", arbiter.ErrUnknown, err)
	}
	return ownRevision(record), nil
}

// Learn takes the record that the other host knows. It never blocks.
func (o *OwnRegister) Learn(record role.Record) {
	o.mu.Lock()
	if record.Newer(o.newest) {
		o.newest = record
	}
	o.mu.Unlock()
	o.Wake()
}

// write makes the newest record durable.
func (o *OwnRegister) write(ctx context.Context) error {
	end, err := o.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	o.mu.Lock()
	record, due := o.newest, o.known && !o.stored.Equal(o.newest)
	o.mu.Unlock()
	if !due {
		return nil
	}
	return o.store(ctx, record)
}

// begin waits until no other write is under way: two on their way could pass each other.
func (o *OwnRegister) begin(ctx context.Context) (end func(), err error) {
	select {
	case o.storing <- struct{}{}:
		return func() { <-o.storing }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (o *OwnRegister) store(ctx context.Context, record role.Record) error {
	raw, err := json.Marshal(record)
	if err != nil {
		return err
	}
	if err := o.keep(ctx, bus.Note{Record: raw}); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stored = record
	if record.Newer(o.newest) {
		o.newest = record
	}
	if !o.stored.Equal(o.newest) {
		o.Wake()
	}
	return nil
}

// Status says whether the copy can be written.
func (o *OwnRegister) Status() arbiter.Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	return arbiter.Status{Reachable: o.problem == "", Problem: o.problem}
}
