// Package backuprecord keeps what is known of the pair's backups in the pair's own key space, so that both hosts know the last good one,
// also the host that takes over, and also while nobody reaches the place where they are kept.
package backuprecord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/sync/semaphore"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/backups"
	"github.com/hotpair/hotpair/services/updater/systemspace"
	"github.com/hotpair/hotpair/storage"
)

const (
	// tries is how often a change is worked out again because another one came first.
	tries = 4
)

// Space changes the pair's own key space. *systemspace.Space is one.
type Space interface {
	Change(ctx context.Context, c systemspace.Change, work func() (operations []bus.Operation, revision uint64, err error)) error
}

// Keeper keeps the record on one host.
type Keeper struct {
	store    systemspace.Viewer
	space    Space
	changing *semaphore.Weighted
}

// New makes it.
func New(store systemspace.Viewer, space Space) *Keeper {
	return &Keeper{store: store, space: space, changing: semaphore.NewWeighted(1)}
}

// Answer answers main, each call in a goroutine of the group.
func (k *Keeper) Answer(r *bus.Router, group bus.Group) {
	ctx := context.Background()
	backups.CallRecord.HandleIn(ctx, r, group, func(context.Context, backups.RecordQuestion) (backups.Record, error) {
		known, _, err := k.read()
		return known, err
	})
	backups.CallNote.HandleIn(ctx, r, group, k.note)
}

// note keeps what is new. Only the host that serves can.
func (k *Keeper) note(ctx context.Context, n backups.Note) (next backups.Record, err error) {
	err = k.space.Change(ctx, systemspace.Change{What: "the record of backups", Head: backups.Key, Turn: k.changing, Tries: tries},
		func() ([]bus.Operation, uint64, error) {
			known, revision, err := k.read()
			if err != nil {
				return nil, 0, err
			}
			next = known.With(n)
			before, err1 := json.Marshal(known)
			value, err2 := json.Marshal(next)
			if err := errors.Join(err1, err2); err != nil || string(before) == string(value) {
				return nil, 0, err
			}
			return []bus.Operation{{Key: []byte(backups.Key), Value: value}}, revision, nil
		})
	if errors.Is(err, systemspace.ErrNotServed) {
		err = fmt.Errorf("%w: %w", bus.ErrRefused, err)
	}
	return next, err
}

// read gives what is committed.
func (k *Keeper) read() (known backups.Record, revision uint64, err error) {
	err = k.store.View(func(r *storage.Reader) error {
		value, at, ok := r.Get(bus.SystemSpace, []byte(backups.Key))
		revision = at
		if !ok {
			return nil
		}
		if err := json.Unmarshal(value, &known); err != nil {
			return fmt.Errorf("the record of backups can't be read: %w", err)
		}
		return nil
	})
	return known, revision, err
}
