// Package archive gives the operator's commands access to backup files, whose format belongs to the storage.
package archive

import (
	"context"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/offline"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/backup"
)

// Files reads backup files and restores them. It is an offline.Files.
type Files struct{}

// Check reads a whole file and says what it holds. The error is offline.ErrBackup.
func (Files) Check(ctx context.Context, path string, proof offline.Proof, progress func(float64)) (offline.Summary, error) {
	s, err := backup.Check(ctx, path, proofOf(proof), progress)
	if err != nil {
		return offline.Summary{}, mark(err)
	}
	return summary(path, s), nil
}

// Restore makes a data directory from a file. The error is offline.ErrBackup for what is wrong with the file,
// operator.ErrRefused or offline.ErrOccupied for what stands in the way.
func (Files) Restore(ctx context.Context, q offline.RestoreRequest, progress func(what string, done float64)) (offline.Restored, error) {
	r, err := backup.Restore(ctx, backup.RestoreConfig{File: q.File, Proof: proofOf(q.Proof), Dir: q.Dir, Host: q.Host, MoveAway: q.MoveAway, Progress: progress})
	if err != nil {
		return offline.Restored{}, mark(err)
	}
	return offline.Restored{Summary: summary(q.File, r.Summary), Dir: r.Dir, Host: q.Host, Identity: r.Identity, Moved: r.Moved}, nil
}

func proofOf(p offline.Proof) backup.Proof {
	return backup.Proof{Key: backup.Key(p.Key), Unproved: p.Unproved, Unseal: p.Unseal}
}

func summary(path string, s backup.Summary) offline.Summary {
	return offline.Summary{
		File: path, Version: s.Version, PairID: s.PairID, From: s.Host, Made: s.Made, Position: s.Position, Digest: s.Digest,
		Time: s.Time, Items: s.Items, Updates: s.Entries, Bytes: s.Bytes, SHA256: s.SHA256, Key: s.Key, Proved: s.Proved,
	}
}

// mark makes errors of the storage the operator's.
func mark(err error) error {
	for _, of := range []error{backup.ErrForeign, backup.ErrVersion, backup.ErrShort, backup.ErrDamaged, backup.ErrSealed, backup.ErrUnproved} {
		if errors.Is(err, of) {
			return fmt.Errorf("%w: %w", offline.ErrBackup, err)
		}
	}
	switch {
	case errors.Is(err, backup.ErrOccupied):
		return fmt.Errorf("%w: %w", offline.ErrOccupied, err)
	case errors.Is(err, backup.ErrNoDirectory):
		return fmt.Errorf("%w: %w", operator.ErrRefused, err)
	case errors.Is(err, storage.ErrLocked):
		return fmt.Errorf("%w: stop the host first: %w", operator.ErrRefused, err)
	}
	return err
}
