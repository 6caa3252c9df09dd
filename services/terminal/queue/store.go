package queue

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/terminal/boltfile"
)

// FileName is the file in its directory.
const FileName = "queue.db"

var (
	// ErrDisk says that a write or flush failed, so that the content of the disk is uncertain. Nothing is tried again
	// (R8): the agent ends.
	ErrDisk = errors.New("queue of the terminal could not be written")
	// ErrNoRoom says that the disk is full. The file is unchanged.
	ErrNoRoom = errors.New("no room on the disk of this terminal")
	// ErrFull says that a bound is reached; the error that wraps it says which.
	ErrFull = errors.New("queue of the terminal is full")
	// ErrForeign says that the file belongs to another terminal.
	ErrForeign = errors.New("queue of another terminal")
	// ErrReused says that a key belongs to another request.
	ErrReused = errors.New("key was already used for another request")
	// ErrAbsent says that an entry does not exist or was removed.
	ErrAbsent = errors.New("no request with this id or key is known: it was not queued at this terminal, or it was removed")
	// ErrWaits says that an entry has no outcome yet.
	ErrWaits = errors.New("request is still waiting and may have taken effect")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("queue is closed")
)

// Bounds of the queue. A 0 field has its default.
type Bounds struct {
	Entries int           // waiting requests and those with an unknown outcome; 10,000
	Bytes   int           // their size in the file, with the room for their outcomes; 256 MiB
	Age     time.Duration // while the oldest has waited longer, no more are queued; 7 days
	Kept    int           // outcomes stored, beyond which the oldest is discarded; 10,000
	// KeptBytes bounds the stored outcomes too; 64 MiB.
	KeptBytes int
}

func (b Bounds) orDefault() Bounds {
	def := Bounds{Entries: 10_000, Bytes: 256 << 20, Age: 7 * 24 * time.Hour, Kept: 10_000, KeptBytes: 64 << 20}
	for _, f := range []struct{ have, or *int }{{&b.Entries, &def.Entries}, {&b.Bytes, &def.Bytes}, {&b.Kept, &def.Kept}, {&b.KeptBytes, &def.KeptBytes}} {
		if *f.have == 0 {
			*f.have = *f.or
		}
	}
	if b.Age == 0 {
		b.Age = def.Age
	}
	return b
}

// Store is the queue of a terminal on its disk. One goroutine at a time may change it; any may read it.
type Store struct {
	path, terminal string
	bounds         Bounds
	reserve        func(upTo uint64) error
	moved          string
	quarantined    error
	earlier        []string // names of the files that are quarantined, as they were found
	doubt          bool

	file   file
	failed error

	mu     sync.RWMutex // protects what follows; the writer alone changes it
	state  record
	items  map[uint64]*item // by number
	ids    map[string]*item
	keys   map[string]*item
	waits  []uint64 // numbers of what waits, rising; but for the first, some may be over
	done   []uint64 // numbers of what is done, in the order in which it was
	over   []*item  // what has an outcome, in that order
	unsure int
}

// Open opens the queue of a terminal, if it exists. A file that is unreadable, or another terminal's, is quarantined.
// Numbers up to used that the file does not know are not given again. reserve makes durable, outside the file, that
// numbers up to a limit may have been given to requests or outcomes, and returns at once if that is already durable.
// Errors: boltfile.ErrInUse, and those of the system.
func Open(dir, terminal string, used uint64, reserve func(upTo uint64) error, b Bounds) (*Store, error) {
	s := &Store{path: filepath.Join(dir, FileName), terminal: terminal, bounds: b.orDefault(), reserve: reserve}
	s.forget()
	err := s.load()
	if errors.Is(err, ErrForeign) || boltfile.IsDamage(err) {
		s.quarantined = err
		s.forget()
		s.moved, err = boltfile.Quarantine(s.path)
	}
	if err != nil {
		return nil, fmt.Errorf("open the queue: %w", err)
	}
	if s.earlier, err = boltfile.Quarantined(s.path); err != nil {
		return nil, errors.Join(fmt.Errorf("open the queue: %w", err), s.file.close())
	}
	if s.state.Last < used && (s.doubt || s.file.db == nil) {
		s.state.Last = used
	}
	if s.file.db == nil { // outcomes were given none above it either
		s.state.Results, s.state.Gone = used, used
	}
	return s, nil
}

func (s *Store) forget() {
	s.state, s.items, s.ids, s.keys = record{Terminal: s.terminal}, map[uint64]*item{}, map[string]*item{}, map[string]*item{}
	s.waits, s.done, s.over, s.unsure = nil, nil, nil, 0
}

// Moved returns why the earlier file was quarantined when this one was opened, and its new name; nil if it was not.
func (s *Store) Moved() (name string, why error) { return s.moved, s.quarantined }

// Quarantined lists the quarantined files, old ones included: each may contain requests that were not executed, until
// a person removes it.
func (s *Store) Quarantined() (names []string) {
	for _, name := range s.earlier {
		if _, err := os.Lstat(filepath.Join(filepath.Dir(s.path), name)); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// Doubt reports whether the last transaction of the file may be missing.
func (s *Store) Doubt() bool { return s.doubt }

// Last is the highest number given.
func (s *Store) Last() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state.Last
}

// Series is the pair that the numbers belong to, and what it adds to them; "" and 0 if not known yet.
func (s *Store) Series() (pair string, base uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state.Pair, s.state.Base
}

// Place is a waiting request.
type Place struct {
	Number uint64
	Lane   string
}

// Waiting returns the requests without an outcome, in their order.
func (s *Store) Waiting() (list []Place) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, it := range s.items {
		if it.state == Waiting {
			list = append(list, Place{it.number, it.lane})
		}
	}
	slices.SortFunc(list, func(a, b Place) int { return int(int64(a.Number) - int64(b.Number)) })
	return list
}

// Count is the size of the queue.
type Count struct {
	Waiting, Unsure, Done int
	Bytes                 int       // of waiting requests, with the room for outcomes
	Oldest                time.Time // when the oldest waiting request was queued
}

// Count returns the size of the queue.
func (s *Store) Count() Count {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c := Count{Waiting: s.state.Waiting, Unsure: s.unsure, Done: len(s.done), Bytes: s.bytes()}
	if it := s.oldest(); it != nil {
		c.Oldest = it.at
	}
	return c
}

// Age is how long the oldest request has waited, 0 if none waits. A clock that is set meanwhile does not affect it.
func (s *Store) Age() time.Duration {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.age(time.Now())
}

// age is Age. The caller holds a lock, or is the writer.
func (s *Store) age(now time.Time) time.Duration {
	if first := s.oldest(); first != nil {
		return max(0, now.Sub(first.since))
	}
	return 0
}

// bytes is the size of waiting requests, with the room for outcomes. The caller holds a lock.
func (s *Store) bytes() int { return s.state.WaitingBytes + s.state.Waiting*outcomeRoom }

// oldest is the oldest waiting request, nil if there is none. The caller holds a lock.
func (s *Store) oldest() *item {
	if len(s.waits) == 0 {
		return nil
	}
	return s.items[s.waits[0]]
}

// pass removes requests that no longer wait from the front of the list. The caller holds the lock.
func (s *Store) pass() {
	for len(s.waits) > 0 {
		if it := s.items[s.waits[0]]; it != nil && it.state == Waiting {
			return
		}
		s.waits = s.waits[1:]
	}
}

// known finds the earlier request with the key of a request. The error is ErrReused. The caller holds a lock.
func (s *Store) known(r *Request) (*item, error) {
	it := s.keys[r.Key]
	if r.Key == "" || it == nil {
		return nil, nil
	}
	if it.digest != r.digest() {
		return nil, fmt.Errorf("%w: %.128q; this one was not queued. Give each request its own key", ErrReused, r.Key)
	}
	return it, nil
}

// roomFor returns the bound that a request would exceed, when written with others while the oldest waiting request has
// this age. The error is ErrFull. The caller holds a lock.
func (s *Store) roomFor(r *Request, ahead, aheadBytes int, age time.Duration) error {
	waiting := s.state.Waiting + ahead
	if n := waiting + s.unsure; n >= s.bounds.Entries {
		return fmt.Errorf("%w: %d requests wait for a host and %d have an unknown outcome; at most %d are kept. This one was not queued",
			ErrFull, waiting, s.unsure, s.bounds.Entries)
	}
	if n := s.bytes() + aheadBytes + needs(r); n > s.bounds.Bytes {
		return fmt.Errorf("%w: the queue would have %d bytes, at most %d are kept; this one was not queued", ErrFull, n, s.bounds.Bytes)
	}
	if age > s.bounds.Age {
		return fmt.Errorf("%w: the oldest request has waited for %v, and the queue is closed after %v; this one was not queued",
			ErrFull, age.Round(time.Second), s.bounds.Age)
	}
	return nil
}

// needs is the size of a request in the file, with the room for its outcome.
func needs(r *Request) int { return len(r.Body) + overhead + outcomeRoom }

// Get returns the state of an entry, by its id or its key. The error is ErrAbsent, or that of the file.
func (s *Store) Get(id, key string) (t Told, err error) {
	s.mu.RLock()
	it := s.ids[id]
	if id == "" {
		it = s.keys[key]
	}
	s.mu.RUnlock()
	if it == nil {
		return t, ErrAbsent
	}
	w, err := s.read(it.number)
	if err != nil {
		return t, err
	}
	t = w.told(it.number)
	t.entry = it.number
	return t, nil
}

// Request returns the request that waits under a number. Errors: ErrAbsent, boltfile.ErrDamaged, ErrClosed.
func (s *Store) Request(number uint64) (Request, error) {
	w, err := s.read(number)
	if err == nil && w.Outcome != nil {
		err = ErrAbsent
	}
	if err != nil {
		return Request{}, err
	}
	return Request{Key: w.Key, Lane: w.Lane, Service: w.Service, Operation: w.Operation, Body: w.Body}, nil
}

// read reads an entry from the file.
func (s *Store) read(number uint64) (w written, err error) {
	err = s.file.view(func(b *bolt.Bucket) error {
		if b == nil {
			return ErrAbsent
		}
		key := entryKey(number)
		raw := b.Get(key)
		if raw == nil {
			return ErrAbsent
		}
		data, err := boltfile.Unseal(key, raw)
		if err == nil {
			err = bus.Decode(data, &w)
		}
		return err
	})
	if err != nil {
		return w, fmt.Errorf("entry %d of the queue: %w", number, err)
	}
	return w, nil
}

// newID makes an id at random.
func newID() string { return rand.Text() }

// Close waits for operations in progress and closes the file.
func (s *Store) Close() error { return s.file.close() }
