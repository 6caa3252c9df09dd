package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/origin"
	"github.com/hotpair/hotpair/storage/place"
)

// flushBytes is how much history is gathered before it is applied in one transaction.
const flushBytes = 16 << 20

var (
	// ErrOccupied says that the directory for a restore holds something.
	ErrOccupied = place.ErrOccupied
	// ErrNoDirectory says that what is to be restored to is no directory, nor can be one.
	ErrNoDirectory = place.ErrNoDirectory

	errCutOff = errors.New("cut off") // what tests end a restore by, as a crash would
)

// RestoreConfig says where a backup is restored to.
type RestoreConfig struct {
	// File is the backup, Dir the data directory of a stopped host, which is empty or does not exist.
	File, Dir string
	// Proof is what proves the backup.
	Proof Proof
	// Host is the name that the host will have.
	Host string
	// MoveAway moves what the directory holds into a folder within it, named with the time, instead of refusing.
	MoveAway bool
	// Progress, if not nil, is told how far it is, 0 to 1: once for the check, then for the restore.
	Progress func(what string, done float64)

	cutOff func(step string) error
}

// Restored is the result of a restore.
type Restored struct {
	Summary
	Dir      string `json:"dir"`
	Identity string `json:"identity"`        // new
	Moved    string `json:"aside,omitempty"` // where what was there before is now
}

// Restore makes a data directory from a backup. The file is checked as a whole first; the data are built within the
// directory and moved in, see package place: one that is cut off leaves nothing that could be taken for data, and one that is
// refused leaves nothing at all. The directory is locked from the first look to the end. The host gets a new identity, the
// epoch of the backup's last entry and no membership.
//
// Errors: those of Check, ErrOccupied, ErrNoDirectory, storage.ErrLocked when a host runs on the directory.
func Restore(ctx context.Context, c RestoreConfig) (r Restored, err error) {
	if c.Progress == nil {
		c.Progress = func(string, float64) {}
	}
	if r, err = c.restore(ctx); err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	return r, nil
}

func (c RestoreConfig) restore(ctx context.Context) (r Restored, err error) {
	if c.Dir, err = place.Resolve(c.Dir); err != nil {
		return r, err
	}
	made, err := place.Make(c.Dir)
	defer func() {
		if err == nil || errors.Is(err, errCutOff) {
			return
		}
		for _, m := range made { // one that holds something by now stays
			if os.Remove(m) != nil {
				return
			}
		}
	}()
	if err != nil {
		return r, err
	}
	hold, err := storage.HoldDirectory(c.Dir)
	if err != nil {
		return r, fmt.Errorf("stop the host first: %w", err)
	}
	defer func() { err = errors.Join(err, hold.Undo()) }() // a lock file of root would keep the host's user out
	if err := c.vacant(); err != nil {
		return r, err
	}
	// Checked as a whole first: nothing is built from a file that turns out to be damaged at its end.
	if _, err := Check(ctx, c.File, c.Proof, func(done float64) { c.Progress("check", done) }); err != nil {
		return r, err
	}
	site, err := place.Begin(c.Dir, c.cutOff)
	if err != nil {
		return r, err
	}
	r.Dir = c.Dir
	if r.Summary, r.Identity, err = c.build(ctx, site.Build()); err == nil {
		r.Moved, err = site.Settle(c.MoveAway, time.Now())
	}
	if err != nil && !errors.Is(err, errCutOff) {
		err = errors.Join(err, site.Abandon())
	}
	return r, err
}

// vacant refuses a directory that holds something that was not given up.
func (c RestoreConfig) vacant() error {
	names, err := place.Occupied(c.Dir)
	if err == nil && len(names) > 0 && !c.MoveAway {
		err = fmt.Errorf("%w: %s holds %s; nothing was changed", ErrOccupied, c.Dir, place.Named(names))
	}
	return err
}

// building is the sink of a restore.
type building struct {
	ctx   context.Context
	store *storage.Store
}

func (b *building) begin(h Header) error { return b.store.BeginSnapshot(h.Base) }

func (b *building) putRange(r storage.Range) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	return b.store.PutRange(r)
}

func (b *building) putEntries(entries []history.Stored) error {
	if err := b.store.Commit(entries...); err != nil {
		return err
	}
	if b.store.Bytes() < flushBytes {
		return nil
	}
	_, err := b.store.Flush(b.ctx)
	return err
}

// build makes the directory's content.
func (c RestoreConfig) build(ctx context.Context, dir string) (s Summary, identity string, err error) {
	own, err := facts.Open(dir, c.Host)
	if err != nil {
		return s, "", err
	}
	identity = own.Get().Identity
	store, err := storage.Open(dir, storage.Options{Host: c.Host, Identity: identity, KeepHistory: true})
	if err != nil {
		return s, "", err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	s, err = readFile(ctx, c.File, c.Proof, &building{ctx, store}, func(done float64) { c.Progress("restore", done) })
	if err != nil {
		return s, "", err
	}
	if _, err := store.Flush(ctx); err != nil {
		return s, "", err
	}
	if _, receiving := store.Receiving(); receiving || store.Applied() != s.until {
		return s, "", fmt.Errorf("%w: the restored database is at %v, but the backup ends at %v", ErrDamaged, store.Applied().Position, s.until.Position)
	}
	err = own.Update(func(f *facts.Data) error {
		f.PairID = s.PairID
		f.Epoch = s.until.Position.Epoch
		f.Note = membership.Note{Out: true}
		f.Restored = &facts.Restored{Position: s.until.Position, Time: s.Time, From: s.Host, Made: s.Made, Unproved: !s.Proved}
		return nil
	})
	if err == nil {
		err = origin.Write(dir, origin.Origins{Backup: origin.Pair{ID: s.PairID, Trust: s.Trust, Key: s.Key}, Copied: s.Copied})
	}
	if err != nil {
		return s, "", err
	}
	return s, identity, nil
}
