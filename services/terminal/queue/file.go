package queue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/terminal/boltfile"
)

const (
	// outcomeRoom is the disk space reserved for the outcome of a request when it is queued, in bytes. A larger answer
	// is stored whole if there is room, and without its body otherwise.
	outcomeRoom = 8 << 10
	// overhead is the size of an entry beside its body, in bytes, amply.
	overhead = 1 << 10
	// slack is the room that a transaction needs beside its entries, in bytes: pages of the tree are written again,
	// and the old ones become free only afterwards.
	slack = 4 << 20
	// step is by how much the file grows, in bytes.
	step = 1 << 20
)

// file is the bolt file. It is created with the first queued request.
type file struct {
	using  sync.RWMutex // held for reading while the database is used
	path   string
	db     *bolt.DB
	closed bool
	broken bool  // the database panicked in a write, and can't be closed
	taken  int64 // bytes of the file that this process has reserved on the disk
	used   int64 // bytes up to which the database has used it
	blocks *os.File
}

// open opens the database and creates it if it is absent, complete under a temporary name first, so that a file
// without content is always damage. Only the writer calls it.
func (f *file) open(first func(*bolt.Bucket) error) error {
	f.using.Lock()
	defer f.using.Unlock()
	if f.closed {
		return ErrClosed
	}
	if f.db != nil {
		return nil
	}
	open := boltfile.Open
	if _, err := os.Lstat(f.path); errors.Is(err, fs.ErrNotExist) {
		open = func(path string) (*bolt.DB, error) {
			return boltfile.Make(path, func(tx *bolt.Tx) error {
				b, err := tx.CreateBucket(bucketName)
				if err != nil {
					return err
				}
				return first(b)
			})
		}
	}
	db, err := open(f.path)
	if err != nil {
		return err
	}
	db.NoGrowSync = true // it would cut off the reserved room
	if f.blocks, err = os.OpenFile(f.path, os.O_RDWR, 0); err != nil {
		return errors.Join(err, db.Close())
	}
	f.db, f.taken = db, 0
	return boltfile.Guard(f.measure)
}

// measure notes how much of the file is used.
func (f *file) measure() error {
	return f.db.View(func(tx *bolt.Tx) error {
		f.used = tx.Size()
		return nil
	})
}

// room reserves disk space for the next write and for all outcomes. The error is ErrNoRoom, or that of the system.
func (f *file) room(bytes, waiting int) error {
	need := f.used + int64(bytes) + int64(waiting)*outcomeRoom + slack
	if need <= f.taken {
		return nil
	}
	need = (need + step - 1) / step * step
	if err := allocate(f.blocks, need); err != nil {
		if durable.Full(err) {
			return fmt.Errorf("%w: %w", ErrNoRoom, err)
		}
		return err
	}
	f.taken = need
	return nil
}

// view reads; b is nil when there is nothing.
func (f *file) view(read func(b *bolt.Bucket) error) error {
	f.using.RLock()
	defer f.using.RUnlock()
	if f.closed {
		return ErrClosed
	}
	if f.db == nil {
		return read(nil)
	}
	return boltfile.Guard(func() error {
		return f.db.View(func(tx *bolt.Tx) error { return read(tx.Bucket(bucketName)) })
	})
}

// update writes one transaction and flushes it. Only the writer calls it.
func (f *file) update(write func(*bolt.Bucket) error) error {
	f.using.RLock()
	defer f.using.RUnlock()
	if f.closed {
		return ErrClosed
	}
	ended := false
	err := boltfile.Guard(func() error {
		err := f.db.Update(func(tx *bolt.Tx) error {
			return write(tx.Bucket(bucketName))
		})
		ended = true
		if err != nil {
			return err
		}
		return f.measure()
	})
	f.broken = f.broken || !ended
	return err
}

// close waits for operations in progress and closes the file.
func (f *file) close() error {
	f.using.Lock()
	defer f.using.Unlock()
	db := f.db
	if f.closed || db == nil {
		f.closed = true
		return nil
	}
	f.closed = true
	err := f.blocks.Close()
	if f.broken {
		return err
	}
	return errors.Join(err, db.Close())
}

// reset closes a file that can't be used, so that it can be opened again.
func (f *file) reset() error {
	err := boltfile.Guard(f.close)
	*f = file{path: f.path}
	return err
}
