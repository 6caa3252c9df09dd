package archive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/offline"
	"github.com/hotpair/hotpair/services/updater/members"
	"github.com/hotpair/hotpair/services/updater/systemspace"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/origin"
	"github.com/hotpair/hotpair/storage/position"
)

// Restored names the backup of a data directory while its restore is unfinished; nil otherwise, and where
// there is no directory.
func Restored(dir string) (*bus.Restored, error) {
	f, err := facts.Read(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil || f.Restored == nil:
		return nil, err
	}
	return &bus.Restored{Position: f.Restored.Position, Time: f.Restored.Time, From: f.Restored.From, Made: f.Restored.Made}, nil
}

// Unfinished says what was restored into a directory that nobody has finished. The error is operator.ErrRefused where there is
// nothing to finish.
func (Files) Unfinished(p offline.Place) (offline.Unfinished, error) {
	f, err := facts.Read(p.Dir)
	if err == nil {
		err = unfinished(p, f)
	}
	if err != nil {
		return offline.Unfinished{}, mark(err)
	}
	r := f.Restored
	return offline.Unfinished{PairID: f.PairID, Position: r.Position.String(), Time: r.Time, From: r.From, Made: r.Made, Unproved: r.Unproved, AsCopy: r.AsCopy}, nil
}

func unfinished(p offline.Place, f facts.Data) error {
	switch {
	case f.Host != p.Host:
		return fmt.Errorf("%w: %s belongs to host %q, not to %q", operator.ErrRefused, p.Dir, f.Host, p.Host)
	case f.Restored == nil:
		return fmt.Errorf("%w: nothing to finish in %s: it was not restored, or is already finished", operator.ErrRefused, p.Dir)
	}
	return nil
}

// Finish makes a restored directory what it is to be, durably: the pair that the backup is of, or a pair of its own. Its host must be
// stopped. The error is operator.ErrRefused when it is not, or when there is nothing to finish.
func (Files) Finish(ctx context.Context, p offline.Place, asCopy bool) (done offline.Finished, err error) {
	if _, err := facts.Read(p.Dir); err != nil {
		return done, mark(err) // nothing is made where nothing is
	}
	own, err := facts.Open(p.Dir, p.Host)
	if err != nil {
		return done, mark(err)
	}
	store, err := storage.Open(p.Dir, storage.Options{Host: p.Host, Identity: own.Get().Identity, KeepHistory: true})
	if err != nil {
		return done, mark(err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	// Again, under the lock: what they were before is what somebody else made of them meanwhile.
	if own, err = facts.Open(p.Dir, p.Host); err != nil {
		return done, mark(err)
	}
	before := own.Get()
	if err := unfinished(p, before); err != nil {
		return done, err
	}
	if !asCopy && before.Restored.AsCopy {
		return done, fmt.Errorf("%w: %s is being made a copy", operator.ErrRefused, p.Dir)
	}
	done = offline.Finished{Dir: p.Dir, Host: p.Host, PairID: before.PairID}
	if asCopy {
		done.Was, done.PairID = before.PairID, rand.Text()
		if done.Terminals, err = makeCopy(ctx, own, store); err != nil {
			return done, mark(err)
		}
		if done.Trust, err = setApart(p.Dir); err != nil {
			return done, mark(err)
		}
	}
	done.Position = store.Applied().Position.String()
	err = own.Update(func(f *facts.Data) error {
		f.PairID, f.Restored, f.Recovered = done.PairID, nil, store.Applied().Position
		f.Epoch = max(f.Epoch, store.Applied().Position.Epoch)
		return nil
	})
	return done, mark(err)
}

// setApart has the directory remember the pair that it was copied from, and forget what proved the host while it waited. It gives that pair's
// name in certificates.
func setApart(dir string) (trust string, err error) {
	origins, err := origin.Read(dir)
	if err != nil {
		return "", err
	}
	if err := os.Remove(filepath.Join(dir, identity.KeptFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return origins.Backup.Trust, origin.Write(dir, origins.Copy())
}

// makeCopy empties the table of terminals and the register of their certificates, in an epoch of its own. Cut off it can't be taken back, and is done again.
func makeCopy(ctx context.Context, own *facts.Facts, store *storage.Store) (terminals int, err error) {
	if err := own.Update(func(f *facts.Data) error { f.Restored.AsCopy = true; return nil }); err != nil {
		return 0, err
	}
	pieces, terminals, err := systemspace.EmptyTable(store)
	if err != nil {
		return 0, err
	}
	register, err := members.Empty(store)
	if err != nil {
		return 0, err
	}
	end, now := store.Applied(), store.PairTime()
	entries := []history.Entry{{Kind: history.KindBegan, Host: own.Get().Host, Identity: own.Get().Identity}}
	for _, effects := range append(pieces, register...) {
		entries = append(entries, history.Entry{Kind: history.KindUpdate, Space: bus.SystemSpace, Effects: effects})
	}
	epoch := end.Position.Epoch + 1
	for _, e := range entries {
		now++
		e.Time, e.Position = now, position.Position{Epoch: epoch, Sequence: end.Position.Sequence + 1}
		stored, err := history.NewStored(end.Digest, e)
		if err == nil {
			err = store.Commit(stored)
		}
		if err != nil {
			return 0, err
		}
		end = stored.Mark()
	}
	_, err = store.Flush(ctx)
	return terminals, err
}
