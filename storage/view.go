package storage

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/overlay"
	"github.com/hotpair/hotpair/storage/position"
)

// Item is one key of a scan.
type Item struct {
	Key, Value []byte
	// Revision is the sequence of the update that last wrote the key.
	Revision uint64
	// Err is ErrDamaged when the value can't be read, of an item of Each. Nobody knows then whether the revision is right.
	Err error
}

// Lookup is the outcome of looking up a request.
type Lookup uint8

const (
	// Absent: the request was not recorded; it may be executed.
	Absent Lookup = iota
	// Found: the recorded answer is returned.
	Found
	// TooOld: it is unknown whether it was executed, so it must not be.
	TooOld
	// TooFar: it is a number so far above what is known of its terminal that no agent can have come to it; it must not be
	// executed, because what is recorded under it would make all honest numbers too old.
	TooFar
)

// Reader reads at one committed position. Slices it returns belong to the caller. It is for one goroutine.
type Reader struct {
	tx        *bolt.Tx
	over      overlay.View
	end       history.Mark
	time      int64
	forgotten int64
	lastSpace string
	lastData  *bolt.Bucket
	err       error // the first damage met
}

// View runs f with a Reader at the committed end. The reader must not leave f, f must not call the store, and must be
// short: an open view keeps pages from being used again and can make a flush wait. What the reader met (ErrDamaged)
// is returned in place of nil; reads after it find nothing. Other errors: ErrClosed, ErrDead, and ErrReceiving while a
// snapshot transfer leaves the data inconsistent.
func (s *Store) View(f func(*Reader) error) error {
	s.life.RLock()
	defer s.life.RUnlock()
	r, err := s.reader(false)
	if err != nil {
		return fmt.Errorf("view: %w", err)
	}
	defer r.tx.Rollback()
	if err := f(r); err != nil {
		return err
	}
	if r.err != nil {
		return fmt.Errorf("view: %w", r.err)
	}
	return nil
}

// reader opens a view, of an inconsistent database only if that was asked for. life must be held.
func (s *Store) reader(inconsistent bool) (*Reader, error) {
	for {
		s.mu.RLock()
		err, db := s.usable(), s.db
		s.mu.RUnlock()
		if err != nil {
			return nil, err
		}
		// Not under mu: beginning can wait for a flush that remaps the file.
		tx, err := db.Begin(false)
		if err != nil {
			return nil, err
		}
		s.mu.RLock()
		r := &Reader{
			tx: tx, end: s.committed, time: s.time, forgotten: s.forgotten,
			over: overlay.View{Frozen: s.frozen, Active: s.active, Sequence: s.committed.Position.Sequence},
		}
		complete, receiving := tx.ID() >= s.dropped, s.state.Snapshot
		s.mu.RUnlock()
		switch {
		case receiving != nil && !inconsistent && (!receiving.Done || r.end.Position.Sequence < receiving.Until.Position.Sequence):
			return nil, errors.Join(ErrReceiving, tx.Rollback())
		case complete:
			// bolt holds at most what the overlay held when we looked, and at least what it had dropped.
			return r, nil
		}
		if err := tx.Rollback(); err != nil {
			return nil, err
		}
	}
}

// Position is the committed position that all reads of r see.
func (r *Reader) Position() position.Position { return r.end.Position }

// Time is the pair time at Position, in Unix nanoseconds.
func (r *Reader) Time() int64 { return r.time }

// Forgotten is the time of issue, in Unix nanoseconds, up to which ids of apps are forgotten at Position. It is a fact
// of the history, independent of any host's settings.
func (r *Reader) Forgotten() int64 { return r.forgotten }

// Forgettable returns the Entry.Forgotten that forgets the answers under ids issued before a time: just after the
// youngest of them, so that no id is forgotten that never had an answer. It is 0 when there are none. It considers only
// what is applied; the rest can be forgotten later.
func (r *Reader) Forgettable(before int64) (mark int64) {
	if before <= r.forgotten {
		return 0
	}
	r.fail(guard(func() error {
		c := r.tx.Bucket([]byte(layout.BucketIssued)).Cursor()
		oldest, _ := c.First()
		if oldest == nil || layout.IssuedAt(oldest) >= before {
			return nil
		}
		behind, _ := c.Seek(layout.SequenceKey(uint64(before)))
		youngest, _ := c.Prev()
		if behind == nil {
			youngest, _ = c.Last()
		}
		if at := layout.IssuedAt(youngest); at >= r.forgotten {
			mark = at + 1
		}
		return nil
	}))
	return mark
}

// Damage returns the first damage that was met since the last call, for which the view then does not fail: for a reader
// that serves several independent callers, and has told the one concerned.
func (r *Reader) Damage() error {
	err := r.err
	r.err = nil
	return err
}

// fail keeps the first damage met.
func (r *Reader) fail(err error) {
	if r.err == nil && err != nil {
		r.err = err
	}
}

// Get reads one key. The revision is the sequence of the update that last wrote it; ok is false, and the revision 0,
// when the key is absent. A present key with an empty value has a value that is not nil.
func (r *Reader) Get(space string, key []byte) (value []byte, revision uint64, ok bool) {
	value, revision, err := r.Look(space, key)
	if r.fail(err); err != nil {
		return nil, 0, false
	}
	return value, revision, revision != 0
}

// Look is Get for independent keys: a damaged key fails alone, not the view. The revision
// is 0 when the key is absent. The error is ErrDamaged; the revision is then the one stored there, and not 0.
func (r *Reader) Look(space string, key []byte) (value []byte, revision uint64, err error) {
	if len(key) == 0 || len(space) == 0 || len(space) > history.MaxSpace {
		return nil, 0, nil
	}
	if v, found := r.over.Value(space, key); found {
		if v.Effect().Delete {
			return nil, 0, nil
		}
		return owned(v.Effect().Value), v.Sequence, nil
	}
	err = guard(func() error {
		data := r.space(space)
		if data == nil {
			return nil
		}
		stored := data.Get(key)
		if stored == nil {
			return nil
		}
		rev, v, err := layout.ReadDataValue(key, stored)
		if revision = rev; err == nil {
			value = owned(v)
		}
		return err
	})
	if err != nil {
		revision = max(revision, 1)
	}
	return value, revision, err
}

// space finds the bucket of a space, nil when there is none. bolt looks it up each time.
func (r *Reader) space(name string) *bolt.Bucket {
	if r.lastSpace != name {
		r.lastSpace, r.lastData = name, r.tx.Bucket([]byte(layout.BucketData)).Bucket([]byte(name))
	}
	return r.lastData
}

// owned copies a value for the caller; it is never nil.
func owned(value []byte) []byte { return append(make([]byte, 0, len(value)), value...) }

// Answer finds the recorded answer of a request and the position of its update. TooOld are ids of apps issued before
// Forgotten, and counters below the terminal's lowest unanswered one (or AnswerWindow below its highest
// answered one). An id that can't be recorded (RequestID.Validate) is Absent.
func (r *Reader) Answer(id history.RequestID) (history.Answer, position.Position, Lookup) {
	if id.IsZero() || id.Validate() != nil {
		return history.Answer{}, position.Position{}, Absent
	}
	switch {
	case r.tooOld(id):
		return history.Answer{}, position.Position{}, TooOld
	case id.Counter > history.Leap && id.Counter-history.Leap > r.Floor(id.Terminal):
		return history.Answer{}, position.Position{}, TooFar
	}
	if v, ok := r.over.Answer(id); ok {
		a := v.Entry().Answer
		a.Body = bytes.Clone(a.Body)
		return a, v.Entry().Position, Found
	}
	var found layout.Recorded
	lookup := Absent
	r.fail(guard(func() error {
		key := layout.AnswerKey(id)
		raw := r.tx.Bucket([]byte(layout.BucketAnswers)).Get(key)
		if raw == nil {
			return nil
		}
		if err := format.Unseal(layout.AnswerVersion, key, raw, &found); err != nil {
			return err
		}
		lookup = Found
		return nil
	}))
	if r.err != nil {
		return history.Answer{}, position.Position{}, TooOld // whatever it was, it must not be executed again
	}
	return found.Answer, found.Position, lookup
}

// tooOld reports whether the fate of an id is unknown.
func (r *Reader) tooOld(id history.RequestID) bool {
	if id.App != "" {
		issued, err := id.Issued()
		return err != nil || issued.UnixNano() < r.forgotten
	}
	return id.Counter < r.Floor(id.Terminal) || r.err != nil
}

// Floor is the number below which a terminal's requests are too old. No recorded request is more than AnswerWindow
// above it. It is a fact of the history, which outlives the knowledge of the terminal.
func (r *Reader) Floor(terminal string) uint64 {
	floor := r.over.Floor(terminal)
	r.fail(guard(func() error {
		applied, err := layout.ReadFloor(terminal, r.tx.Bucket([]byte(layout.BucketFloors)).Get([]byte(terminal)))
		floor = max(floor, applied)
		return err
	}))
	return floor
}
