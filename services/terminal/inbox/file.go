package inbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/storage/pages"
)

const (
	// FileName is the file in its directory, and QuarantinedName where one stands that could not be read. Only the last of those is kept.
	FileName        = "notices.db"
	QuarantinedName = FileName + ".quarantined"
	// lockWithin is how long another program may take to let go of the file.
	lockWithin = time.Second
)

var (
	// ErrDisk says that a write or flush failed. Nothing is tried again (R8): whoever has the file ends.
	ErrDisk = errors.New("notices of the terminal could not be written")
	// ErrInUse says that another program has the file open.
	ErrInUse = errors.New("file of notices is held by another program")
	// ErrDamaged says that the file holds what can't be.
	ErrDamaged = errors.New("file of notices is damaged")
	// ErrClosed says that the file was closed.
	ErrClosed = errors.New("file of notices is closed")
)

// File keeps notices of any number of terminals. It is made when the first one is told something.
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

// Open opens the file of a directory, if there is one. What can't be read is set aside. Errors: ErrInUse, and those of the system.
func Open(dir string) (*File, error) {
	f := &File{path: filepath.Join(dir, FileName), boxes: map[string]*Box{}}
	f.line.next = &together{}
	if err := os.Remove(durable.Making(f.path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open notices: %w", err)
	}
	err := f.examine()
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err == nil {
		err = f.load()
	}
	if damage(err) {
		f.quarantined = err
		f.boxes, f.doubt = map[string]*Box{}, false
		err = durable.Rename(f.path, filepath.Join(dir, QuarantinedName))
	}
	if err != nil {
		return nil, fmt.Errorf("open notices: %w", err)
	}
	return f, nil
}

// damage tells what is wrong with a file from what is wrong with the machine.
func damage(err error) bool {
	var system *fs.PathError
	switch {
	case err == nil, errors.Is(err, ErrInUse):
		return false
	case errors.As(err, &system):
		return errors.Is(err, syscall.EIO) // the disk has lost a part of it
	}
	return true
}

// Quarantined says why the file was set aside that was there when this one was opened; nil when none was.
func (f *File) Quarantined() error { return f.quarantined }

// examine looks at the file before bolt does, which believes what it reads.
func (f *File) examine() error {
	if err := pages.Examine(f.path, ""); err != nil {
		return err
	}
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer file.Close()
	heads, _, _, err := pages.ReadHeads(file)
	// With one head the other one was torn, and bolt goes back to the transaction before; or else this head was never flushed. Either
	// way the numbers of the last transaction may have been used.
	f.doubt = len(heads) < 2
	if err != nil {
		return err
	}
	_, err = pages.Walk(context.Background(), file, pages.Newest(heads)) // it is small; bolt would go where a bad leaf sends it
	return err
}

// load opens the database and reads what everybody has in it.
func (f *File) load() error {
	db, err := open(f.path)
	if err != nil {
		return err
	}
	err = guard(func() error {
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
		return errors.Join(err, guard(db.Close))
	}
	f.db.Store(db)
	return nil
}

func open(path string) (db *bolt.DB, err error) {
	err = guard(func() (err error) {
		db, err = bolt.Open(path, 0o600, &bolt.Options{Timeout: lockWithin})
		return err
	})
	if errors.Is(err, bolt.ErrTimeout) {
		return nil, fmt.Errorf("%w: %s", ErrInUse, path)
	}
	return db, err
}

// guard turns what bolt does on a damaged file (a panic, or a fault beyond the mapped file) into ErrDamaged.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, p)
		}
	}()
	return f()
}

// database gives the database, made if it is not there. Only one writer comes here at a time.
func (f *File) database() (*bolt.DB, error) {
	if db := f.db.Load(); db != nil {
		return db, nil
	}
	making := durable.Making(f.path)
	db, err := open(making)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	if err := durable.Rename(making, f.path); err != nil {
		return nil, err
	}
	if db, err = open(f.path); err == nil {
		f.db.Store(db)
	}
	return db, err
}

// view reads what a terminal has; b is nil when it has nothing.
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
	return guard(func() error {
		return db.View(func(tx *bolt.Tx) error { return read(tx.Bucket([]byte(terminal))) })
	})
}

// Close closes the file; whoever uses it is waited for.
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
