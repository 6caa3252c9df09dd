package inbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/terminal/boltfile"
)

const (
	// FileName is the file in its directory, and QuarantinedName its name after it proved unreadable. Only the latest
	// quarantined file is kept.
	FileName        = "notices.db"
	QuarantinedName = FileName + ".quarantined"
)

var (
	// ErrDisk says that a write or flush failed, so that the content of the disk is uncertain. Nothing is tried again
	// (R8): the program that uses the file ends.
	ErrDisk = errors.New("notices of the terminal could not be written")
	// ErrNoRoom says that the disk is full. The file is unchanged, and the pair keeps the notices.
	ErrNoRoom = errors.New("no room on the disk of this terminal")
	// ErrInUse says that another program has the file open.
	ErrInUse = boltfile.ErrInUse
	// ErrDamaged says that the content of the file is invalid.
	ErrDamaged = boltfile.ErrDamaged
	// ErrClosed says that the file was closed.
	ErrClosed = errors.New("file of notices is closed")
)

// File stores the notices of any number of terminals. It is created with the first notice.
type File struct {
	path        string
	quarantined error
	doubt       bool // the last transaction may be missing

	using  sync.RWMutex // held for reading while the database is used
	db     atomic.Pointer[bolt.DB]
	closed bool
	broken bool // the database panicked in a write, and can't be closed

	opening sync.Mutex
	boxes   map[string]*Box

	line line
}

// Open opens the file of a directory, if it exists. An unreadable file is quarantined. Errors: ErrInUse, and those of
// the system.
func Open(dir string) (*File, error) {
	f := &File{path: filepath.Join(dir, FileName), boxes: map[string]*Box{}}
	f.line.next = &together{}
	if err := os.Remove(durable.Making(f.path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open notices: %w", err)
	}
	var err error
	// With one meta page the other one was torn, and bolt returns to the transaction before; or this page was never
	// flushed. Either way the numbers of the last transaction may have been used.
	f.doubt, err = boltfile.Examine(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err == nil {
		err = f.load()
	}
	if boltfile.IsDamage(err) {
		f.quarantined = err
		f.boxes, f.doubt = map[string]*Box{}, false
		err = durable.Rename(f.path, filepath.Join(dir, QuarantinedName))
	}
	if err != nil {
		return nil, fmt.Errorf("open notices: %w", err)
	}
	return f, nil
}

// Quarantined returns why the earlier file was quarantined when this one was opened; nil if it was not.
func (f *File) Quarantined() error { return f.quarantined }

// load opens the database and reads the states of all terminals.
func (f *File) load() error {
	db, err := boltfile.Open(f.path)
	if err != nil {
		return err
	}
	err = boltfile.Guard(func() error {
		return db.View(func(tx *bolt.Tx) error {
			return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
				s, err := readState(b)
				if err != nil {
					return fmt.Errorf("%w: terminal %.64q: %w", ErrDamaged, name, err)
				}
				f.box(string(name)).current.Store(s)
				return nil
			})
		})
	})
	if err != nil {
		return errors.Join(err, boltfile.Guard(db.Close))
	}
	f.db.Store(db)
	return nil
}

// database returns the database, created if it is absent. Only one writer calls it at a time.
func (f *File) database() (*bolt.DB, error) {
	if db := f.db.Load(); db != nil {
		return db, nil
	}
	db, err := boltfile.Make(f.path, nil)
	if err == nil {
		f.db.Store(db)
	}
	return db, err
}

// view reads the bucket of a terminal; b is nil if it has none.
func (f *File) view(terminal string, read func(b *bolt.Bucket) error) error {
	f.using.RLock()
	defer f.using.RUnlock()
	if f.closed {
		return ErrClosed
	}
	db := f.db.Load()
	if db == nil {
		return read(nil)
	}
	return boltfile.Guard(func() error {
		return db.View(func(tx *bolt.Tx) error { return read(tx.Bucket([]byte(terminal))) })
	})
}

// Close waits for operations in progress and closes the file.
func (f *File) Close() error {
	f.using.Lock()
	defer f.using.Unlock()
	db := f.db.Load()
	if f.closed || f.broken || db == nil {
		f.closed = true
		return nil
	}
	f.closed = true
	return db.Close()
}
