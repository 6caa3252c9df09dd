package archive

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/hotpair/hotpair/services/backups/maker"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/backup"
	"github.com/hotpair/hotpair/storage/position"
)

// trialHost is what a host is called that exists on trial only.
const trialHost = "trial"

// Trials verifies new backups for their maker. It is a maker.Archive.
type Trials struct{}

// Check implements maker.Archive.
func (Trials) Check(ctx context.Context, path, key string) (maker.Contents, error) {
	s, err := backup.Check(ctx, path, backup.Proof{Key: backup.Key(key)}, nil)
	if err != nil {
		return maker.Contents{}, err
	}
	var at position.Position
	if err := at.UnmarshalText([]byte(s.Position)); err != nil {
		return maker.Contents{}, fmt.Errorf("position %q: %w", s.Position, err)
	}
	return maker.Contents{PairID: s.PairID, Position: at, Keys: s.Items}, nil
}

// Try implements maker.Archive: the backup becomes the data directory of a host, which is opened as a host opens its own, and all that is in it
// is read and checked, as far as the position that the backup names.
func (Trials) Try(ctx context.Context, path, key, folder string) (err error) {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	r, err := backup.Restore(ctx, backup.RestoreConfig{File: path, Proof: backup.Proof{Key: backup.Key(key)}, Dir: folder, Host: trialHost})
	if err != nil {
		return err
	}
	store, err := storage.Open(folder, storage.Options{Host: trialHost, Identity: r.Identity, KeepHistory: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if at := store.Applied().Position.String(); at != r.Position || store.Created() {
		return fmt.Errorf("%w: the restored database is at %s, but the backup is of %s", backup.ErrDamaged, at, r.Position)
	}
	return store.Check(ctx)
}
