package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
)

// flushBytes is how much history is gathered before it is applied in one transaction.
const flushBytes = 16 << 20

// ErrOccupied says that the directory for a restore holds something.
var ErrOccupied = errors.New("the directory is not empty")

// RestoreConfig says where a backup is restored to.
type RestoreConfig struct {
	// File is the backup, Dir the data directory of a stopped host, which is empty or does not exist.
	File, Dir string
	// Host is the name that the host will have.
	Host string
	// Aside moves what the directory holds beside it, under a name with the time, instead of refusing.
	Aside bool
	// Progress, if not nil, is told how far it is, 0 to 1: once for the check, then for the restore.
	Progress func(what string, done float64)
}

// Restored is what a restore did.
type Restored struct {
	Summary
	Dir      string `json:"dir"`
	Identity string `json:"identity"`        // new
	Aside    string `json:"aside,omitempty"` // where what was there before is now
}

// Restore makes a data directory from a backup. The file is checked as a whole first; the directory is built under
// another name and comes into place in one step, so a restore that is cut off leaves nothing behind that could be
// taken for data. The host gets a new identity, the epoch of the backup's last entry and no membership.
//
// Errors: those of Check, ErrOccupied, storage.ErrLocked when a host runs on the directory.
func Restore(ctx context.Context, c RestoreConfig) (Restored, error) {
	if c.Progress == nil {
		c.Progress = func(string, float64) {}
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	c.Dir = dir
	if err := c.vacant(); err != nil {
		return Restored{}, err
	}
	// Checked as a whole first: nothing is built from a file that turns out to be damaged at its end.
	if _, err := Check(c.File, func(done float64) { c.Progress("check", done) }); err != nil {
		return Restored{}, err
	}
	if err := os.MkdirAll(filepath.Dir(c.Dir), 0o700); err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	building, err := os.MkdirTemp(filepath.Dir(c.Dir), filepath.Base(c.Dir)+".restoring-*")
	if err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	defer os.RemoveAll(building) // nothing is there any more once it is in place
	r := Restored{Dir: c.Dir}
	if r.Summary, r.Identity, err = c.build(ctx, building); err != nil {
		return Restored{}, err
	}
	if r.Aside, err = c.place(building); err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	return r, nil
}

// vacant refuses a directory that is in use, or that holds something which nobody said may go.
func (c RestoreConfig) vacant() error {
	entries, err := os.ReadDir(c.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("restore: %w", err)
	case len(entries) == 0:
		return nil
	case !c.Aside:
		return fmt.Errorf("restore: %w: %s has %d files; nothing was changed", ErrOccupied, c.Dir, len(entries))
	}
	release, err := storage.LockDirectory(c.Dir)
	if err != nil {
		return fmt.Errorf("restore: stop the host first: %w", err)
	}
	return release()
}

// building is the sink of a restore.
type building struct {
	ctx   context.Context
	store *storage.Store
}

func (b *building) begin(h Header) error { return b.store.BeginCopy(h.Base) }

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
		return s, "", fmt.Errorf("restore: %w", err)
	}
	identity = own.Get().Identity
	store, err := storage.Open(dir, storage.Options{Host: c.Host, Identity: identity, KeepHistory: true})
	if err != nil {
		return s, "", fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	s, err = readFile(c.File, &building{ctx, store}, func(done float64) { c.Progress("restore", done) })
	if err != nil {
		return s, "", fmt.Errorf("restore: %w", err)
	}
	if _, err := store.Flush(ctx); err != nil {
		return s, "", fmt.Errorf("restore: %w", err)
	}
	if _, copying := store.Copying(); copying || store.Applied() != s.until {
		return s, "", fmt.Errorf("restore: %w: the database came out at %v, the backup ends at %v", ErrDamaged, store.Applied().Position, s.until.Position)
	}
	err = own.Update(func(f *facts.Data) error {
		f.PairID = s.PairID
		f.Epoch = s.until.Position.Epoch
		f.Note = membership.Note{Out: true}
		return nil
	})
	if err != nil {
		return s, "", fmt.Errorf("restore: %w", err)
	}
	return s, identity, nil
}

// place puts the directory into its place, durably.
func (c RestoreConfig) place(building string) (aside string, err error) {
	entries, err := os.ReadDir(c.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", err
	case len(entries) == 0:
		if err := os.Remove(c.Dir); err != nil {
			return "", err
		}
	case !c.Aside:
		return "", fmt.Errorf("%w: %s was filled meanwhile", ErrOccupied, c.Dir)
	default:
		aside = c.Dir + ".before-" + time.Now().UTC().Format("20060102T150405.000")
		if err := os.Rename(c.Dir, aside); err != nil {
			return "", err
		}
	}
	if err := os.Rename(building, c.Dir); err != nil {
		return aside, err
	}
	parent, err := os.Open(filepath.Dir(c.Dir))
	if err != nil {
		return aside, err
	}
	return aside, errors.Join(parent.Sync(), parent.Close())
}
