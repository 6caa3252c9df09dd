package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/terminal/boltfile"
)

// All entries are in one bucket: stateKey has a record, and entryPrefix with a number its entry.
var (
	bucketName = []byte("queue")
	stateKey   = []byte("state")
)

const entryPrefix = 'e'

// skipped are the numbers that a transaction may have given, at most, which may be missing.
const skipped = MaxBatch

// MaxBatch bounds one transaction, in requests.
const MaxBatch = 1024

// record is what is written of the state.
type record struct {
	Terminal string `cbor:"1,keyasint"`
	Pair     string `cbor:"2,keyasint,omitempty"` // that the numbers belong to
	Base     uint64 `cbor:"3,keyasint,omitempty"` // that the pair adds to them
	Last     uint64 `cbor:"4,keyasint"`           // the highest number given
	// The content, to detect a missing part.
	Entries      int `cbor:"5,keyasint"`
	Waiting      int `cbor:"6,keyasint"`
	WaitingBytes int `cbor:"7,keyasint"`
	KeptBytes    int `cbor:"8,keyasint"`
	// Results is the highest number of an outcome, Gone the highest of a discarded one.
	Results uint64 `cbor:"9,keyasint,omitempty"`
	Gone    uint64 `cbor:"10,keyasint,omitempty"`
}

func entryKey(number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{entryPrefix}, number)
}

func lengthen(f *os.File, bytes int64) error {
	info, err := f.Stat()
	if err != nil || info.Size() >= bytes {
		return err
	}
	return f.Truncate(bytes)
}

// edit is one thing to write: an entry in place of what is there under its number, or its removal.
type edit struct {
	old, new *item
	value    []byte // nil: it goes
}

// write makes edits durable, all or none, with the resulting state. Errors: ErrNoRoom, which changes nothing; ErrDisk.
func (s *Store) write(state record, edits []edit) error {
	if s.failed != nil {
		return s.failed
	}
	now := s.state
	err := s.file.open(func(b *bolt.Bucket) error { return writeAll(b, now, nil) })
	if err == nil {
		size := 0
		for i := range edits {
			size += len(edits[i].value)
		}
		err = s.file.room(size, state.Waiting)
		if errors.Is(err, ErrNoRoom) && state.Waiting <= s.state.Waiting {
			err = nil // it was reserved when they were queued
		}
	}
	if err == nil {
		err = s.file.update(func(b *bolt.Bucket) error { return writeAll(b, state, edits) })
	}
	switch {
	case err == nil:
	case errors.Is(err, ErrNoRoom), errors.Is(err, ErrClosed):
		return err
	case durable.Full(err):
		return fmt.Errorf("%w: %w", ErrNoRoom, err)
	default:
		s.failed = fmt.Errorf("%w: %w", ErrDisk, err)
		return s.failed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range edits {
		if e.old != nil {
			s.drop(e.old)
		}
		if e.new != nil {
			s.keep(e.new)
		}
	}
	s.pass()
	s.state = state
	return nil
}

// writeAll writes edits, and the resulting state.
func writeAll(b *bolt.Bucket, state record, edits []edit) error {
	for _, e := range edits {
		var err error
		if e.value == nil {
			err = b.Delete(entryKey(e.old.number))
		} else {
			err = b.Put(entryKey(e.new.number), e.value)
		}
		if err != nil {
			return err
		}
	}
	data, err := bus.Encode(state)
	if err != nil {
		return err
	}
	return b.Put(stateKey, boltfile.Seal(stateKey, data))
}

// sealed returns the encoding of an entry for the file.
func sealed(number uint64, w *written) ([]byte, error) {
	data, err := bus.Encode(w)
	if err != nil {
		return nil, err
	}
	return boltfile.Seal(entryKey(number), data), nil
}

// change counts what edits do to a state.
func change(state record, edits []edit) record {
	counting := Store{state: state}
	for _, e := range edits {
		if e.old != nil {
			counting.count(e.old, -1)
		}
		if e.new != nil {
			counting.count(e.new, 1)
		}
	}
	return counting.state
}

// Queued is the result of queueing a request: its place, or that of the earlier request with its key.
type Queued struct {
	ID     string
	Number uint64
	Again  bool // it was already queued
	Err    error
}

// Put queues requests in order, at most MaxBatch: those that fit are durable when it returns. room is asked for each
// number to give. An error ends the store: ErrDisk, or that of Reserve.
func (s *Store) Put(list []Request, now time.Time, room func(number uint64) bool) ([]Queued, error) {
	became := make([]Queued, len(list))
	edits := make([]edit, 0, len(list))
	state, ahead, age := s.state, 0, s.age(now)
	sooner := map[string]int{} // by key, of this list
	for i := range list {
		r := &list[i]
		if at, ok := sooner[r.Key]; ok && r.Key != "" {
			if became[i] = became[at]; list[at].digest() != r.digest() {
				became[i] = Queued{Err: fmt.Errorf("%w: %.128q; this one was not queued. Give each request its own key", ErrReused, r.Key)}
			}
			became[i].Again = true
			continue
		}
		before, err := s.known(r)
		if err == nil && before != nil {
			became[i] = Queued{ID: before.id, Number: before.number, Again: true}
			continue
		}
		if err == nil {
			err = s.roomFor(r, len(edits), ahead, age)
		}
		if err == nil && !room(state.Last+1) {
			err = fmt.Errorf("%w: the oldest waiting request is so far behind this one that the pair would discard its answer; this one was not queued", ErrFull)
		}
		if err != nil {
			became[i].Err = err
			continue
		}
		state.Last++
		w := written{ID: newID(), Key: r.Key, Lane: r.Lane, Service: r.Service, Operation: r.Operation, Body: r.Body, At: now.UnixNano(), Digest: r.digest()}
		value, err := sealed(state.Last, &w)
		if err != nil {
			return nil, err
		}
		became[i] = Queued{ID: w.ID, Number: state.Last}
		it := w.item(state.Last, len(value))
		it.since = now
		edits = append(edits, edit{new: it, value: value})
		ahead += needs(r)
		sooner[r.Key] = i
	}
	if len(edits) == 0 {
		return became, nil
	}
	err := s.reserve(state.Last)
	if err == nil {
		err = s.write(change(state, edits), edits)
	}
	if err == nil {
		return became, nil
	}
	for i := range became {
		if became[i].Err == nil && became[i].Number > s.state.Last {
			became[i] = Queued{Err: fmt.Errorf("%w; this one was not queued", err)}
		}
	}
	if errors.Is(err, ErrNoRoom) {
		err = nil
	}
	return became, err
}

// Finished is an outcome with the number of its waiting request.
type Finished struct {
	Number uint64
	Outcome
}

// Finish replaces requests by their outcomes: durable when it returns, all or none. The oldest outcomes beyond the
// bound are discarded. It returns the states for applications. Errors: ErrNoRoom, after which all of the requests
// still wait; ErrDisk, or that of Reserve, which end the store.
func (s *Store) Finish(list []Finished) ([]Told, error) {
	told, err := s.finish(list)
	if !errors.Is(err, ErrNoRoom) {
		return told, err
	}
	short := slices.Clone(list)
	for i := range short {
		if o := &short[i].Outcome; len(o.Body) > outcomeRoom/2 {
			o.Dropped, o.Body = len(o.Body), nil
		}
	}
	return s.finish(short)
}

func (s *Store) finish(list []Finished) ([]Told, error) {
	edits := make([]edit, 0, len(list))
	over := make(map[uint64]bool, len(list)) // of two outcomes of one request the first counts
	var told []Told
	number := s.state.Results
	for _, f := range list {
		it := s.items[f.Number]
		if it == nil || it.state != Waiting || over[f.Number] {
			continue
		}
		over[f.Number] = true
		w, err := s.read(f.Number)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDisk, err)
		}
		number++
		w.finish(f.Outcome, number)
		value, err := sealed(f.Number, &w)
		if err != nil {
			return nil, err
		}
		edits = append(edits, edit{old: it, new: w.item(f.Number, len(value)), value: value})
		told = append(told, w.told(f.Number))
	}
	state := change(s.state, edits)
	state.Results = number
	for i, kept := 0, len(s.done)+len(edits); i < len(s.done) && (kept > s.bounds.Kept || state.KeptBytes > s.bounds.KeptBytes); i++ {
		gone := edit{old: s.items[s.done[i]]}
		edits = append(edits, gone)
		state = change(state, []edit{gone})
		state.Gone = max(state.Gone, gone.old.result)
		kept--
	}
	if len(edits) == 0 {
		return nil, nil
	}
	err := s.reserve(number) // after a torn head they may be above those of requests
	if err == nil {
		err = s.write(state, edits)
	}
	if err != nil {
		return nil, err
	}
	return told, nil
}

// Forget removes an entry that has its outcome. Errors: ErrAbsent, ErrWaits, ErrNoRoom, ErrDisk.
func (s *Store) Forget(id string) error {
	it := s.ids[id]
	switch {
	case it == nil:
		return ErrAbsent
	case it.state == Waiting:
		return ErrWaits
	}
	edits := []edit{{old: it}}
	return s.write(change(s.state, edits), edits)
}

// Adopt records the pair that the numbers belong to, and what it adds to them. Errors: ErrNoRoom, ErrDisk.
func (s *Store) Adopt(pair string, base uint64) error {
	state := s.state
	if state.Pair, state.Base = pair, base; state == s.state {
		return nil
	}
	return s.write(state, nil)
}
