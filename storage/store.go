package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/overlay"
	"github.com/hotpair/hotpair/storage/position"
)

// DatabaseName is the name of the database file in the data directory.
const DatabaseName = "hotpair.db"

// Store is the database, its update history, recorded answers and the overlay of committed entries not yet applied.
// Its methods may be called by any number of goroutines, but not from within a View.
type Store struct {
	dir     string
	options Options
	log     *slog.Logger
	lock    *directoryLock
	created bool

	// life is held for reading by everything that uses the bolt file, and taken by what closes or replaces it:
	// bolt unmaps the file under a running view.
	life sync.RWMutex
	// writing lets one flush, range or replacement at a time touch the bolt file; committing one Commit at a time.
	// Order of locks: writing, committing, life, mu.
	writing    sync.Mutex
	committing sync.Mutex
	testing    sync.Mutex // one TestWrite at a time

	// mu guards all below; it is held for moments only, never while the disk works.
	mu     sync.RWMutex
	db     *bolt.DB
	state  layout.State // as bolt holds it
	active *overlay.Generation
	frozen *overlay.Generation // being applied; nil between flushes
	// dropped is the bolt transaction that holds all that was ever dropped from the overlay: an older view misses some.
	dropped   int
	committed history.Mark
	time      int64       // pair time at committed
	forgotten int64       // Entry.Forgotten up to committed
	level     level.Level // Entry.Level up to committed
	notified  position.Position
	epochs    []layout.EpochStart
	pins      map[int]uint64
	lastPin   int
	closed    bool
	dead      error
	poisoned  bool // bolt panicked while it wrote: its locks are lost, not even Close works
	flushes   uint64
	flushTime time.Duration
	changes   uint64 // of Options.WatchSpace
}

// Created reports whether Open made the database because there was none: a host whose facts say otherwise has lost it.
func (s *Store) Created() bool { return s.created }

// Close waits for running views and a running flush, then closes. It does not flush: what is only in the overlay is in
// the journal. It may be called repeatedly.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.life.Lock()
	defer s.life.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var err error
	if s.db != nil && !s.poisoned {
		err = s.db.Close()
	}
	return errors.Join(err, s.lock.release())
}

// usable says why the store can't be used. mu must be held.
func (s *Store) usable() error {
	switch {
	case s.closed:
		return ErrClosed
	case s.dead != nil:
		return fmt.Errorf("%w: %w", ErrDead, s.dead)
	}
	return nil
}

// Commit adds committed entries to the overlay: every read after its return sees them. All or none: the entries
// must follow the committed end and each other. Their memory must not be changed afterwards. The error is ErrGap,
// ErrDiverged, ErrInvalid, ErrReceiving, ErrDead or ErrClosed.
func (s *Store) Commit(entries ...history.Stored) error {
	if len(entries) == 0 {
		return nil
	}
	s.committing.Lock()
	defer s.committing.Unlock()
	s.mu.RLock()
	err, end, receiving := s.usable(), s.committed, s.state.Snapshot
	s.mu.RUnlock()
	if err == nil && receiving != nil && !receiving.Done {
		err = ErrReceiving
	}
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	for i := range entries {
		e := &entries[i]
		if err := e.Follows(end); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
		end = e.Mark()
		if receiving != nil && end.Position.Sequence == receiving.Until.Position.Sequence && end != receiving.Until {
			return fmt.Errorf("commit: %w: entry %v is not the one that the snapshot was taken at", history.ErrDiverged, end.Position)
		}
	}
	entries = slices.Clone(entries)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	s.active.Add(entries)
	s.committed = end
	for i := range entries {
		s.time = entries[i].Entry.Time // it may be moved back
		s.forgotten = max(s.forgotten, entries[i].Entry.Forgotten)
		s.level = max(s.level, entries[i].Entry.Level)
		if entries[i].Entry.Kind == history.KindBegan {
			s.epochs = layout.WithEpoch(s.epochs, layout.StartOf(&entries[i].Entry))
		}
		if e := &entries[i].Entry; len(e.Effects) > 0 && e.Space == s.options.WatchSpace {
			s.changes++
		}
	}
	return nil
}

// Changes rises whenever the content of Options.WatchSpace may have changed: by an update, by a snapshot.
// It counts from Open on and costs nothing to ask for.
func (s *Store) Changes() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.changes
}

// Len is the number of entries in the overlay (not yet applied).
func (s *Store) Len() int {
	n, _ := s.overlay()
	return n
}

// Bytes is the stored size of the entries in the overlay, for admission control.
func (s *Store) Bytes() int64 {
	_, b := s.overlay()
	return b
}

func (s *Store) overlay() (entries int, bytes int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n1, b1 := s.active.Size()
	n2, b2 := s.frozen.Size()
	return n1 + n2, b1 + b2
}

// Committed is the end of the committed history, overlay included.
func (s *Store) Committed() history.Mark {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.committed
}

// Applied is the end of what bolt holds durably.
func (s *Store) Applied() history.Mark {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state.Applied
}

// Notified is the position up to which the other host holds the updates too.
func (s *Store) Notified() position.Position {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.notified
}

// SetNotified raises the notified mark; lower positions are ignored. It is durable with the next Flush.
func (s *Store) SetNotified(p position.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.notified.Before(p) {
		s.notified = p
	}
}

// PairTime is the time of the last committed entry, in Unix nanoseconds; 0 in an empty store.
func (s *Store) PairTime() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.time
}

// Forgotten is the highest Entry.Forgotten so far: the time of issue before which ids of apps are forgotten.
func (s *Store) Forgotten() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.forgotten
}

// Level is the level of the pair, 0 before an entry has set it.
func (s *Store) Level() level.Level {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.level
}

// Epochs lists where each epoch began, in order. It reaches back beyond trimming.
func (s *Store) Epochs() []layout.EpochStart {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.epochs)
}

// Stats returns the figures.
func (s *Store) Stats() Stats {
	s.life.RLock()
	defer s.life.RUnlock()
	entries, bytes := s.overlay()
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := Stats{
		Committed: s.committed.Position, Applied: s.state.Applied.Position, Notified: s.notified,
		OverlayEntries: entries, OverlayBytes: bytes,
		HistoryFirst: s.state.First(), HistoryBytes: s.state.Bytes,
		Flushes: s.flushes, FlushTime: s.flushTime, PairTime: s.time,
	}
	if !s.closed && s.db != nil {
		figures := s.db.Stats()
		st.FreePages = figures.FreePageN + figures.PendingPageN
		if info, err := os.Stat(s.path()); err == nil {
			st.FileBytes = info.Size()
		}
	}
	return st
}

// TestWrite writes and fsyncs a small new file beside the database, to show that the disk accepts writes and has space
// (fitness for a takeover). A failed fsync kills the store.
func (s *Store) TestWrite() error {
	s.testing.Lock()
	defer s.testing.Unlock()
	s.mu.RLock()
	err := s.usable()
	s.mu.RUnlock()
	if err != nil {
		return fmt.Errorf("test write: %w", err)
	}
	path := filepath.Join(s.dir, "fitness")
	// A new file each time: overwriting an old one would succeed on a full disk.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("test write: %w", err)
	}
	if err := writeSynced(path, make([]byte, 64<<10)); err != nil {
		return fmt.Errorf("test write: %w", s.kill(err))
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("test write: %w", err)
	}
	return nil
}

// writeSynced makes path with data and fsyncs it.
func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// kill ends the writing life of the store (R8).
func (s *Store) kill(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead == nil {
		s.dead = err
		s.log.ErrorContext(context.Background(), "storage failed; no more writes are made", "error", err)
	}
	return fmt.Errorf("%w: %w", ErrDead, err)
}
