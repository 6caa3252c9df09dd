package storage

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/overlay"
)

const (
	rangeVersion = 1
	rangeBytes   = 1 << 20 // bytes of a range that names none
)

// Range is a part of a snapshot of the database.
type Range struct {
	// From is the cursor that was asked for, Next the one to ask for next.
	From []byte `cbor:"1,keyasint,omitempty"`
	Next []byte `cbor:"2,keyasint,omitempty"`
	// Done says that nothing follows.
	Done bool `cbor:"3,keyasint,omitempty"`
	// At is the sender's applied end at which the items were read, Time its pair time.
	At    history.Mark  `cbor:"4,keyasint"`
	Time  int64         `cbor:"5,keyasint,omitempty"`
	Items []layout.Item `cbor:"6,keyasint,omitempty"`
	// Check is a checksum over all the rest.
	Check uint32 `cbor:"7,keyasint"`
	// Forgotten is what is forgotten at At (Entry.Forgotten).
	Forgotten int64 `cbor:"8,keyasint,omitempty"`
	// Level is the level of the pair at At (Entry.Level).
	Level level.Level `cbor:"9,keyasint,omitempty"`
}

// sum is the checksum over all but Check.
func (r Range) sum() (uint32, error) {
	r.Check = 0
	raw, err := format.Encode(rangeVersion, &r)
	return format.Sum(raw), err
}

// Encode encodes the range for the wire.
func (r *Range) Encode() ([]byte, error) { return format.Encode(rangeVersion, r) }

// DecodeRange reads what Encode wrote. It never panics. The error is ErrVersion or ErrMalformed. What the range holds
// is checked by PutRange.
func DecodeRange(raw []byte) (Range, error) {
	var r Range
	if err := format.Decode(rangeVersion, raw, &r); err != nil {
		return Range{}, fmt.Errorf("decode range: %w", err)
	}
	if err := level.Knows(level.This("this program"), r.Level); err != nil {
		return Range{}, fmt.Errorf("decode range: %w: %w", ErrVersion, err)
	}
	return r, nil
}

// cursor is a place in a copy: behind key in a bucket.
func cursor(bucket string, key []byte) []byte {
	return append(append([]byte{byte(len(bucket))}, bucket...), key...)
}

// parseCursor reads what cursor wrote.
func parseCursor(c []byte) (bucket string, key []byte, err error) {
	if len(c) == 0 {
		return "", nil, nil
	}
	if len(c) < 1+int(c[0]) {
		return "", nil, fmt.Errorf("%w: cursor of a snapshot", ErrMalformed)
	}
	return string(c[1 : 1+c[0]]), c[1+c[0]:], nil
}

// SnapshotRange reads the next part of the database at the applied end, about maxBytes of it (≤ 0: 1 MiB), in one short
// transaction. The cursor is nil at first, then the Next of the range before. The sender pins its history from the
// entry after its applied end at the beginning of the transfer, so that the entries since can be replayed. The error is
// ErrMalformed for a cursor that is none, ErrReceiving when this database is itself inconsistent.
func (s *Store) SnapshotRange(from []byte, maxBytes int) (Range, error) {
	if maxBytes <= 0 {
		maxBytes = rangeBytes
	}
	path, key, err := parseCursor(from)
	if err != nil {
		return Range{}, fmt.Errorf("snapshot range: %w", err)
	}
	r := Range{From: bytes.Clone(from)}
	err = s.applied(func(tx *bolt.Tx, st *layout.State) error {
		r.At, r.Time, r.Forgotten, r.Level = st.Applied, st.Time, st.Forgotten, st.Level
		return r.fill(tx, path, key, maxBytes)
	})
	if err == nil {
		r.Check, err = r.sum()
	}
	if err != nil {
		return Range{}, fmt.Errorf("snapshot range: %w", err)
	}
	return r, nil
}

// fill reads items from behind key in the bucket at path on.
func (r *Range) fill(tx *bolt.Tx, path string, key []byte, maxBytes int) error {
	paths, err := layout.Transferred(tx)
	if err != nil {
		return err
	}
	r.Done = true
	for _, p := range paths {
		if p < path {
			continue
		}
		c := layout.BucketAt(tx, p).Cursor()
		k, v := c.First()
		if p == path {
			if k, v = c.Seek(key); k != nil && bytes.Equal(k, key) && len(key) > 0 {
				k, v = c.Next()
			}
		}
		for ; k != nil; k, v = c.Next() {
			size := len(k) + len(v)
			if len(r.Items) > 0 && size > maxBytes {
				r.Done = false
				return nil
			}
			maxBytes -= size
			r.Items = append(r.Items, layout.Item{Bucket: p, Key: owned(k), Value: owned(v)})
			r.Next = cursor(p, k)
		}
	}
	return nil
}

// applied runs f in a view of what bolt alone holds, which must be consistent.
func (s *Store) applied(f func(*bolt.Tx, *layout.State) error) error {
	return s.look(true, func(r *Reader, st *layout.State) error {
		if st.Snapshot != nil {
			return ErrReceiving
		}
		return f(r.tx, st)
	})
}

// BeginSnapshot replaces the database, overlay included, by an empty one whose committed and applied end is base,
// durably and in one step: until it returns nil the old one may still be there after a crash, never a mixture. The
// caller has kept as divergent what it must not lose, and has marked itself inconsistent in its facts before. Pins end.
// It waits for running views. A failure kills the store.
func (s *Store) BeginSnapshot(base history.Mark) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.committing.Lock()
	defer s.committing.Unlock()
	s.life.Lock()
	defer s.life.Unlock()
	s.mu.RLock()
	err := s.usable()
	s.mu.RUnlock()
	if err != nil {
		return fmt.Errorf("begin snapshot: %w", err)
	}
	fresh := layout.State{
		Host: s.state.Host, Identity: s.state.Identity,
		Applied: base, Base: base, Notified: base.Position,
		Snapshot: &layout.SnapshotProgress{Base: base, Until: base},
	}
	// The file is replaced, not emptied: emptying it would leave a list of free pages longer than bolt can keep.
	if err := s.makeDatabase(fresh); err != nil {
		return fmt.Errorf("begin snapshot: %w", s.kill(err))
	}
	s.mu.Lock()
	old := s.db
	s.active, s.frozen, s.pins = overlay.New(), nil, map[int]uint64{}
	s.changes++
	err = errors.Join(old.Close(), s.load())
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("begin snapshot: %w", s.kill(err))
	}
	return nil
}

// PutRange stores the next range durably, with the progress. The error is ErrNotReceiving, ErrOrder (the range does not
// begin at the progress's cursor: ask for that one), or ErrMalformed when the range or an item is not whole, none of
// which changes anything; a failed write kills the store.
func (s *Store) PutRange(r Range) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.RLock()
	err, next, db := s.usable(), s.state, s.db
	s.mu.RUnlock()
	switch {
	case err != nil:
	case next.Snapshot == nil || next.Snapshot.Done:
		err = ErrNotReceiving
	case !bytes.Equal(next.Snapshot.Cursor, r.From):
		err = fmt.Errorf("%w: it begins at %x, the next one at %x", ErrOrder, r.From, next.Snapshot.Cursor)
	default:
		err = r.validate(next.Snapshot)
	}
	if err != nil {
		return fmt.Errorf("put range: %w", err)
	}
	progress := *next.Snapshot
	progress.Cursor, progress.Done = bytes.Clone(r.Next), r.Done
	if r.At.Position.Sequence > progress.Until.Position.Sequence {
		progress.Until = r.At
	}
	progress.Ranges++
	progress.Items += uint64(len(r.Items))
	for _, it := range r.Items {
		progress.Bytes += uint64(len(it.Key) + len(it.Value))
	}
	next.Snapshot, next.Time = &progress, r.Time
	next.Forgotten, next.Level = max(next.Forgotten, r.Forgotten), max(next.Level, r.Level)
	if progress.Done && progress.Until == progress.Base {
		next.Snapshot = nil
	}
	var epochs []layout.EpochStart
	err = guard(func() error {
		return db.Update(func(tx *bolt.Tx) (err error) {
			if err := r.put(tx); err != nil {
				return err
			}
			if epochs, err = layout.ReadEpochs(tx); err != nil {
				return err
			}
			return layout.WriteState(tx, &next)
		})
	})
	if err != nil {
		return fmt.Errorf("put range: %w", s.kill(err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.epochs, s.time = next, epochs, next.Time
	s.forgotten, s.level = max(s.forgotten, next.Forgotten), max(s.level, next.Level)
	s.changes++
	return nil
}

// validate refuses a range that can't be stored, before anything is.
func (r *Range) validate(p *layout.SnapshotProgress) error {
	if err := r.Whole(); err != nil {
		return err
	}
	if r.At.Position.Before(p.Base.Position) {
		return fmt.Errorf("%w: range at %v, before the base %v of the snapshot", ErrOrder, r.At.Position, p.Base.Position)
	}
	return nil
}

// Whole reports whether the range is as SnapshotRange made it, each item as its bucket holds items. The error is ErrMalformed.
func (r *Range) Whole() error {
	if sum, err := r.sum(); err != nil || sum != r.Check {
		return fmt.Errorf("%w: checksum of a range", ErrMalformed)
	}
	for i := range r.Items {
		it := &r.Items[i]
		if err := it.Validate(); err != nil {
			return fmt.Errorf("%w: item %q of %q: %w", ErrMalformed, it.Key, it.Bucket, err)
		}
	}
	return nil
}

// put writes the items of a valid range.
func (r *Range) put(tx *bolt.Tx) error {
	for i := range r.Items {
		it := &r.Items[i]
		b := tx.Bucket([]byte(it.Bucket))
		if space, ok := layout.SpaceOf(it.Bucket); ok {
			var err error
			if b, err = tx.Bucket([]byte(layout.BucketData)).CreateBucketIfNotExists([]byte(space)); err != nil {
				return err
			}
		}
		if err := b.Put(it.Key, it.Value); err != nil {
			return err
		}
		if it.Bucket != layout.BucketAnswers {
			continue
		}
		id, err := layout.ParseAnswerKey(it.Key)
		if err != nil || id.App == "" {
			continue
		}
		if issued, err := id.Issued(); err == nil {
			if err := tx.Bucket([]byte(layout.BucketIssued)).Put(layout.IssuedKey(issued.UnixNano(), it.Key), []byte{1}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Receiving returns the progress of a snapshot transfer. ok is false when the database is consistent: no transfer was
// begun, or all its ranges are in and the applied end has reached Until.
func (s *Store) Receiving() (p layout.SnapshotProgress, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.state.Snapshot == nil {
		return layout.SnapshotProgress{}, false
	}
	p = *s.state.Snapshot
	p.Cursor = bytes.Clone(p.Cursor)
	return p, true
}
