package leaving

import (
	"iter"

	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
)

// MostWalked bounds the keys that one walk of the outbox passes, deleted ones included.
const MostWalked = 1 << 12

// Reader is the committed state at one position. *storage.Reader is one. What is damaged comes with an error of its own, so that it stops
// nothing else.
type Reader interface {
	Look(space string, key []byte) (value []byte, revision uint64, err error)
	Each(space string, prefix, after []byte) iter.Seq[storage.Item]
}

// Viewer gives views of what is committed. *storage.Store is one.
type Viewer interface {
	View(func(*storage.Reader) error) error
}

// Getter gives keys of the outbox: as they are committed, or as a [Set] leaves them. The revision is 0 when there is none; the error says
// that there is one and its value is damaged.
type Getter interface {
	Get(key []byte) (value []byte, revision uint64, err error)
}

// Committed is the outbox as a Reader has it.
type Committed struct{ Reader }

// Get implements Getter.
func (c Committed) Get(key []byte) (value []byte, revision uint64, err error) {
	return c.Look(history.OutboxSpace, key)
}

// Left implements State.
func (c Committed) Left(key []byte) (value []byte, revision uint64, err error) { return c.Get(key) }
