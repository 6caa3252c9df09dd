package inbox

import (
	"fmt"
	"sync"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/terminal/boltfile"
)

// mostTogether bounds one transaction, in bytes, the last change not counted.
const mostTogether = 16 << 20

// line batches changes into transactions: those that arrive during one share the next.
type line struct {
	writing sync.Mutex // one at a time

	turn   sync.Mutex // protects the rest
	next   *together  // that has not begun
	failed error
	wrote  uint64 // transactions
}

// together is one transaction for several callers.
type together struct {
	once    sync.Once
	err     error
	changes []change
	bytes   int
}

// change is a change of one terminal's bucket.
type change struct {
	terminal string
	apply    func(*bolt.Bucket) error
}

// write makes a change durable. Errors: ErrNoRoom, which changes nothing; ErrDisk, after which every call fails (R8).
func (f *File) write(c change, size int) error {
	l := &f.line
	l.turn.Lock()
	mine := l.next
	mine.changes = append(mine.changes, c)
	if mine.bytes += size; mine.bytes >= mostTogether {
		l.next = &together{}
	}
	l.turn.Unlock()
	mine.once.Do(func() {
		l.writing.Lock()
		defer l.writing.Unlock()
		l.turn.Lock()
		if l.next == mine {
			l.next = &together{} // later callers are not in it
		}
		mine.err = l.failed
		l.turn.Unlock()
		if mine.err != nil {
			return
		}
		err := f.commit(mine.changes)
		l.turn.Lock()
		defer l.turn.Unlock()
		l.wrote++
		switch {
		case durable.Full(err):
			mine.err = fmt.Errorf("%w: %w", ErrNoRoom, err)
		case err != nil:
			l.failed = fmt.Errorf("%w: %w", ErrDisk, err)
			mine.err = l.failed
		}
	})
	return mine.err
}

// commit writes one transaction and flushes it.
func (f *File) commit(changes []change) error {
	f.using.RLock()
	defer f.using.RUnlock()
	if f.closed {
		return ErrClosed
	}
	db, err := f.database()
	if err != nil {
		return err
	}
	ended := false
	err = boltfile.Guard(func() error {
		err := db.Update(func(tx *bolt.Tx) error {
			for _, c := range changes {
				b, err := tx.CreateBucketIfNotExists([]byte(c.terminal))
				if err != nil {
					return err
				}
				if err := c.apply(b); err != nil {
					return err
				}
			}
			return nil
		})
		ended = true
		return err
	})
	f.broken = !ended
	return err
}
