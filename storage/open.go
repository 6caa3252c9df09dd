package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/overlay"
	"github.com/hotpair/hotpair/storage/pages"
	"github.com/hotpair/hotpair/storage/place"
)

// Open opens or creates the store in dir. It takes the directory's file lock first. The error is ErrLocked,
// ErrForeign, ErrDamaged or ErrVersion, each naming the file and the remedy.
func Open(dir string, o Options) (*Store, error) {
	s := &Store{dir: dir, options: o.withDefaults(), active: overlay.New(), pins: map[int]uint64{}}
	s.log = s.options.Logger
	if err := durable.MakeDir(dir); err != nil {
		return nil, fmt.Errorf("open storage: %w", err)
	}
	lock, _, err := lockDirectory(dir)
	if err != nil {
		return nil, fmt.Errorf("open storage: %w", err)
	}
	s.lock = lock
	if err := s.openLocked(); err != nil {
		return nil, errors.Join(fmt.Errorf("open storage: %w", err), s.Close())
	}
	return s, nil
}

// openLocked is Open once the directory is ours.
func (s *Store) openLocked() error {
	if err := place.Whole(s.dir); err != nil {
		return err
	}
	path := s.path()
	// What was being made when a process died was never in use.
	if err := os.Remove(path + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := pages.Examine(path, layout.BucketData)
	if errors.Is(err, fs.ErrNotExist) {
		s.created = true
		err = s.makeDatabase(layout.State{Host: s.options.Host, Identity: s.options.Identity})
	}
	if err != nil {
		return err
	}
	return s.load()
}

func (s *Store) path() string { return filepath.Join(s.dir, DatabaseName) }

// makeDatabase puts an empty database in place, in one durable step: it is built under another name first.
func (s *Store) makeDatabase(st layout.State) error {
	making := s.path() + ".new"
	if err := os.Remove(making); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := bolt.Open(making, 0o600, &bolt.Options{Timeout: time.Second})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range []string{layout.BucketMeta, layout.BucketHistory, layout.BucketEpochs, layout.BucketAnswers, layout.BucketFloors, layout.BucketIssued, layout.BucketData} {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return layout.WriteState(tx, &st)
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("make %s: %w", s.path(), err)
	}
	return durable.Rename(making, s.path())
}

// load opens the database file and reads its state.
func (s *Store) load() error {
	var db *bolt.DB
	err := guard(func() (err error) {
		db, err = bolt.Open(s.path(), 0o600, &bolt.Options{Timeout: time.Second, InitialMmapSize: s.options.InitialMmapSize})
		return err
	})
	if errors.Is(err, bolt.ErrTimeout) {
		return fmt.Errorf("%w: %s is held by another program", ErrLocked, s.path())
	}
	if err != nil {
		return pages.Damaged(s.path(), err.Error())
	}
	s.db = db
	var st layout.State
	var epochs []layout.EpochStart
	err = guard(func() error {
		return db.View(func(tx *bolt.Tx) (err error) {
			if st, err = layout.ReadState(tx); err != nil {
				return err
			}
			if err := layout.CheckEnds(tx, &st); err != nil {
				return err
			}
			epochs, err = layout.ReadEpochs(tx)
			s.dropped = tx.ID()
			return err
		})
	})
	switch {
	case errors.Is(err, ErrVersion):
		return fmt.Errorf("%s: %w; use the program that wrote it", s.path(), err)
	case err != nil:
		return pages.Damaged(s.path(), err.Error())
	case differ(st.Host, s.options.Host) || differ(st.Identity, s.options.Identity):
		return fmt.Errorf("%w: %s belongs to host %q with identity %q, this is %q with %q; use this host's own data directory",
			ErrForeign, s.path(), st.Host, st.Identity, s.options.Host, s.options.Identity)
	}
	st.Host, st.Identity = cmp.Or(st.Host, s.options.Host), cmp.Or(st.Identity, s.options.Identity)
	s.state, s.epochs = st, epochs
	s.committed, s.time, s.forgotten, s.level, s.notified = st.Applied, st.Time, st.Forgotten, st.Level, st.Notified
	return nil
}

// differ reports whether two names are both known and not the same.
func differ(a, b string) bool { return a != "" && b != "" && a != b }

// guard turns what bolt does on a damaged file (a panic, or a fault beyond the mapped file) into ErrDamaged. It must
// enclose only bolt and this package, no code of others.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %w: %v", ErrDamaged, errPanic, p)
		}
	}()
	return f()
}
