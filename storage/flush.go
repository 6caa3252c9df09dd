package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/overlay"
)

const (
	// trimStep is how many entries a flush may trim beyond twice those it adds. Trimming stays in step with adding, so
	// that the pages it frees are used again: bolt loses a page of a list of 65,535 free ones, and writes
	// the whole list with every transaction.
	trimStep = 64
	// freePagesEnough is where trimming stops to run ahead of adding at all.
	freePagesEnough = 32 << 10
)

// Flush applies the whole overlay, and the notified mark, in one transaction and returns the applied end: data,
// history, answers, epoch starts and position become durable together, and no reader sees a moment in between. With
// nothing to apply it does nothing. ctx is looked at only before the transaction begins. A failed transaction kills
// the store: ErrDead from then on.
func (s *Store) Flush(ctx context.Context) (history.Mark, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := ctx.Err(); err != nil {
		return history.Mark{}, fmt.Errorf("flush: %w", context.Cause(ctx))
	}
	s.mu.Lock()
	if err := s.usable(); err != nil {
		s.mu.Unlock()
		return history.Mark{}, fmt.Errorf("flush: %w", err)
	}
	next := s.state
	next.Notified, next.Time, next.Forgotten, next.Level, next.Applied = s.notified, s.time, s.forgotten, s.level, s.committed
	pinned := s.pinned()
	if s.active.Empty() && next.Notified == s.state.Notified {
		s.mu.Unlock()
		return next.Applied, nil
	}
	s.frozen, s.active = s.active, overlay.New()
	frozen, db := s.frozen, s.db
	s.mu.Unlock()

	started, transaction := time.Now(), 0
	err := guard(func() error {
		return db.Update(func(tx *bolt.Tx) error {
			transaction = tx.ID()
			return s.apply(tx, frozen, &next, pinned)
		})
	})
	if err != nil {
		s.mu.Lock()
		s.poisoned = errors.Is(err, errPanic)
		s.mu.Unlock()
		return history.Mark{}, fmt.Errorf("flush: %w", s.kill(err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Snapshot != nil && next.Snapshot == nil {
		s.changes++ // what could not be read before can be now
	}
	s.state, s.frozen, s.dropped = next, nil, transaction
	s.flushes++
	s.flushTime += time.Since(started)
	return next.Applied, nil
}

// flushing is one transaction that applies a generation of the overlay.
type flushing struct {
	tx      *bolt.Tx
	store   *Store
	next    *layout.State
	answers *bolt.Bucket
	issued  *bolt.Bucket
	space   string            // of the key before,
	data    *bolt.Bucket      // and where its keys are
	floors  map[string]uint64 // as they are after this transaction, of the terminals that it met
}

// apply writes a generation of the overlay and completes the state. Floors come first, so that an answer which is already
// below its terminal's floor is never written: most are.
func (s *Store) apply(tx *bolt.Tx, t *overlay.Generation, next *layout.State, pinned uint64) error {
	f := &flushing{
		tx: tx, store: s, next: next, floors: map[string]uint64{},
		answers: tx.Bucket([]byte(layout.BucketAnswers)), issued: tx.Bucket([]byte(layout.BucketIssued)),
	}
	if err := t.Apply(f); err != nil {
		return err
	}
	entries := t.Entries()
	if err := f.append(entries); err != nil {
		return err
	}
	allowance := 2*len(entries) + trimStep
	if free := s.freePages(tx); free > freePagesEnough {
		allowance = len(entries)
	}
	if len(entries) > 0 {
		if err := f.forget(allowance); err != nil {
			return err
		}
		if err := f.trim(allowance, pinned); err != nil {
			return err
		}
	}
	if c := next.Snapshot; c != nil && c.Done && next.Applied.Position.Sequence >= c.Until.Position.Sequence {
		next.Snapshot = nil
	}
	return layout.WriteState(tx, next)
}

// freePages gives the number of free pages as of the last transaction.
func (s *Store) freePages(tx *bolt.Tx) int {
	figures := tx.DB().Stats()
	return figures.FreePageN + figures.PendingPageN
}

// floor gives a terminal's floor as it is in this transaction.
func (f *flushing) floor(terminal string) (uint64, error) {
	if floor, ok := f.floors[terminal]; ok {
		return floor, nil
	}
	floor, err := layout.ReadFloor(terminal, f.tx.Bucket([]byte(layout.BucketFloors)).Get([]byte(terminal)))
	if err == nil {
		f.floors[terminal] = floor
	}
	return floor, err
}

// Put writes or deletes a key.
func (f *flushing) Put(space, key string, effect *history.Effect, sequence uint64) (err error) {
	if f.data == nil || space != f.space {
		f.space = space
		if f.data, err = f.tx.Bucket([]byte(layout.BucketData)).CreateBucketIfNotExists([]byte(space)); err != nil {
			return err
		}
	}
	if effect.Delete {
		return f.data.Delete([]byte(key))
	}
	return f.data.Put([]byte(key), layout.DataValue([]byte(key), sequence, effect.Value))
}

// Raise raises a terminal's floor and deletes the answers below it.
func (f *flushing) Raise(terminal string, floor uint64) error {
	if now, err := f.floor(terminal); err != nil || floor <= now {
		return err
	}
	f.floors[terminal] = floor
	if err := f.tx.Bucket([]byte(layout.BucketFloors)).Put([]byte(terminal), layout.FloorValue(terminal, floor)); err != nil {
		return err
	}
	// Collected first: a cursor is not to be trusted across deletions.
	prefix := layout.AnswerPrefix(terminal, layout.AnswerByCounter)
	end := binary.BigEndian.AppendUint64(bytes.Clone(prefix), floor)
	var gone [][]byte
	c := f.answers.Cursor()
	for k, _ := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix) && bytes.Compare(k, end) < 0; k, _ = c.Next() {
		gone = append(gone, bytes.Clone(k))
	}
	for _, k := range gone {
		if err := f.answers.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// Record writes the answer of an entry unless it is too old already.
func (f *flushing) Record(e *history.Entry) error {
	key := layout.AnswerKey(e.Request)
	if e.Request.App == "" {
		if floor, err := f.floor(e.Request.Terminal); err != nil || e.Request.Counter < floor {
			return err
		}
	} else {
		issued, err := e.Request.Issued()
		if err != nil {
			return err
		}
		if issued.UnixNano() < f.next.Forgotten {
			return nil
		}
		if err := f.issued.Put(layout.IssuedKey(issued.UnixNano(), key), []byte{1}); err != nil {
			return err
		}
	}
	value, err := format.Seal(layout.AnswerVersion, key, layout.Recorded{Position: e.Position, Answer: e.Answer})
	if err != nil {
		return err
	}
	return f.answers.Put(key, value)
}

// append adds entries to the history and to the table of epoch starts.
func (f *flushing) append(entries []*history.Stored) error {
	bucket := f.tx.Bucket([]byte(layout.BucketHistory))
	bucket.FillPercent = 1 // keys only ever rise
	for _, s := range entries {
		e := &s.Entry
		if err := bucket.Put(layout.SequenceKey(e.Position.Sequence), layout.HistoryValue(s)); err != nil {
			return err
		}
		f.next.Bytes += int64(len(s.Raw))
		if e.Kind != history.KindBegan {
			continue
		}
		key := layout.SequenceKey(e.Position.Epoch)
		value, err := format.Seal(layout.EpochVersion, key, layout.StartOf(e))
		if err != nil {
			return err
		}
		if err := f.tx.Bucket([]byte(layout.BucketEpochs)).Put(key, value); err != nil {
			return err
		}
	}
	return nil
}

// forget deletes answers under ids of apps that the history has forgotten. It may lag: they are never shown.
func (f *flushing) forget(allowance int) error {
	var gone [][]byte
	c := f.issued.Cursor()
	for k, _ := c.First(); k != nil && len(gone) < allowance; k, _ = c.Next() {
		if len(k) < 8 || layout.IssuedAt(k) >= f.next.Forgotten {
			break
		}
		gone = append(gone, bytes.Clone(k))
	}
	for _, k := range gone {
		if err := errors.Join(f.issued.Delete(k), f.answers.Delete(k[8:])); err != nil {
			return err
		}
	}
	return nil
}

// trim cuts the history down to its bounds, oldest first, as far as pins and the allowance let it. The last entry
// stays, so that the end can be checked.
func (f *flushing) trim(allowance int, pinned uint64) error {
	o, next := &f.store.options, f.next
	if o.KeepHistory {
		return nil
	}
	bucket := f.tx.Bucket([]byte(layout.BucketHistory))
	oldest := int64(math.MinInt64)
	if o.MaxAge < time.Duration(next.Time) { // pair time starts at 1970: no entry is older than that
		oldest = next.Time - int64(o.MaxAge)
	}
	for ; allowance > 0; allowance-- {
		first, last := next.First(), next.Applied.Position.Sequence
		if first >= last || first >= pinned {
			return nil
		}
		key := layout.SequenceKey(first)
		digest, at, raw, err := layout.ReadHistoryHeader(bucket.Get(key))
		if err != nil {
			return err
		}
		if last-first+1 <= o.MaxUpdates && next.Bytes <= o.MaxBytes && at >= oldest {
			return nil
		}
		e, err := history.DecodeEntry(raw)
		if err != nil {
			return err
		}
		next.Base = history.Mark{Position: e.Position, Digest: digest}
		next.Bytes -= int64(len(raw))
		if err := bucket.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// pinned is the lowest sequence that a pin holds. mu must be held.
func (s *Store) pinned() uint64 {
	lowest := uint64(math.MaxUint64)
	for _, from := range s.pins {
		lowest = min(lowest, from)
	}
	return lowest
}
