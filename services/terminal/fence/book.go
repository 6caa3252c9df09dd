package fence

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/terminal/boltfile"
)

// FileName is the file in the directory of an agent. It is created with the first command that is taken.
const FileName = "commands.db"

// Most bounds the commands whose state is stored. Beyond it the oldest settled ones are discarded; the pair is asked
// about those.
const Most = 4096

// maxKey bounds the id of a notice, in bytes.
const maxKey = 256

var (
	// ErrDisk says that a write or flush failed, so that the content of the disk is uncertain.
	ErrDisk = errors.New("states of fenced commands could not be written")
	// ErrNoRoom says that the disk is full. The file is unchanged.
	ErrNoRoom = errors.New("no room on the disk of this terminal")
)

var bucketName = []byte("commands")

// entry is what became of a command here.
type entry struct {
	State State `cbor:"1,keyasint"`
	At    int64 `cbor:"2,keyasint"` // this machine's clock, Unix nanoseconds; for people, and for what goes first
	// Owed: an application has confirmed the command as carried out, but the pair has not been told yet.
	Owed    bool   `cbor:"3,keyasint,omitempty"`
	Service string `cbor:"4,keyasint"`
	Topic   string `cbor:"5,keyasint"`
	Number  uint64 `cbor:"6,keyasint"` // that applications know it by
}

// settled reports whether the command needs no further action here. A command that is being asked for counts as
// settled: without its entry its state is unchanged.
func (e *entry) settled() bool { return e.State != Taken && !e.Owed }

// book is the file with its contents. One goroutine writes; any reads.
type book struct {
	path string
	db   *bolt.DB // nil: there is no file yet
	// broken: the database panicked in a write, and can't be closed.
	broken bool

	mu      sync.RWMutex
	entries map[string]entry
}

// openBook opens the file of a directory, if it exists. An unreadable file is quarantined: quarantined is its new
// name, with the reason.
func openBook(dir string) (b *book, quarantined string, why, err error) {
	b = &book{path: filepath.Join(dir, FileName), entries: map[string]entry{}}
	if err := os.Remove(durable.Making(b.path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil, fmt.Errorf("open fenced commands: %w", err)
	}
	_, err = boltfile.Examine(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return b, "", nil, nil
	}
	if err == nil {
		err = b.load()
	}
	if boltfile.IsDamage(err) {
		why, b.entries = err, map[string]entry{}
		quarantined, err = boltfile.Quarantine(b.path)
	}
	if err != nil {
		return nil, "", nil, fmt.Errorf("open fenced commands: %w", err)
	}
	return b, quarantined, why, nil
}

func (b *book) load() error {
	db, err := boltfile.Open(b.path)
	if err != nil {
		return err
	}
	err = boltfile.Guard(func() error {
		return db.View(func(tx *bolt.Tx) error {
			bucket := tx.Bucket(bucketName)
			if bucket == nil {
				return fmt.Errorf("%w: no bucket", boltfile.ErrDamaged)
			}
			return bucket.ForEach(func(k, v []byte) error {
				var e entry
				data, err := boltfile.Unseal(k, v)
				if err == nil {
					err = bus.Decode(data, &e)
				}
				if err == nil && (len(k) > maxKey || len(b.entries) > 2*Most || !e.State.known()) {
					err = fmt.Errorf("%w: it can't be", boltfile.ErrDamaged)
				}
				if err != nil {
					return fmt.Errorf("%w: command %.80q: %w", boltfile.ErrDamaged, k, err)
				}
				b.entries[string(k)] = e
				return nil
			})
		})
	})
	if err != nil {
		return errors.Join(err, boltfile.Guard(db.Close))
	}
	b.db = db
	return nil
}

// database returns the database, and creates it complete under a temporary name if it is absent.
func (b *book) database() (*bolt.DB, error) {
	if b.db != nil {
		return b.db, nil
	}
	db, err := boltfile.Make(b.path, func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucketName)
		return err
	})
	if err == nil {
		b.db = db
	}
	return db, err
}

// get returns the state of a command; ok is false if nothing is recorded.
func (b *book) get(id string) (e entry, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	e, ok = b.entries[id]
	return e, ok
}

// remember records the state of a command until the agent ends: there was no room to write it.
func (b *book) remember(id string, e entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries[id] = e
}

// put makes the state of a command durable. Errors: ErrNoRoom, which changes nothing; ErrDisk.
func (b *book) put(id string, e entry) error {
	gone, writing := b.tooMany(id), false
	err := boltfile.Guard(func() error {
		data, err := bus.Encode(e)
		if err != nil {
			return err
		}
		db, err := b.database()
		if err != nil {
			return err
		}
		writing = true
		err = db.Update(func(tx *bolt.Tx) error {
			bucket := tx.Bucket(bucketName)
			if bucket == nil {
				return fmt.Errorf("%w: no bucket", boltfile.ErrDamaged)
			}
			for _, id := range gone {
				if err := bucket.Delete([]byte(id)); err != nil {
					return err
				}
			}
			return bucket.Put([]byte(id), boltfile.Seal([]byte(id), data))
		})
		writing = false
		return err
	})
	b.broken = b.broken || writing
	if durable.Full(err) {
		return fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range gone {
		delete(b.entries, id)
	}
	b.entries[id] = e
	return nil
}

// tooMany returns the entries to discard so that there is room for one more: several at once, so that it rarely
// searches.
func (b *book) tooMany(more string) (gone []string) {
	if _, there := b.entries[more]; there || len(b.entries) < Most {
		return nil
	}
	for id, e := range b.entries {
		if e.settled() {
			gone = append(gone, id)
		}
	}
	slices.SortFunc(gone, func(x, y string) int { return cmp.Compare(b.entries[x].At, b.entries[y].At) })
	return gone[:min(len(gone), Most/16)]
}

func (b *book) close() error {
	if b.db == nil || b.broken {
		return nil
	}
	return boltfile.Guard(b.db.Close)
}
