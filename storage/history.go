package storage

import (
	"fmt"
	"math"
	"sync"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/overlay"
)

const (
	historyEntries = 1000    // entries of a read that names no limit
	historyBytes   = 4 << 20 // stored bytes of a read that names none: a frame
)

// past is a view of the history: the part in bolt, and the entries of the overlay.
type past struct {
	tx      *bolt.Tx
	over    *overlay.View
	end     history.Mark
	base    history.Mark // just before the first entry in bolt, as of tx
	applied uint64       // the last sequence in bolt, as of tx
}

// look opens a view of what is committed and runs f in it; inconsistent as for reader.
func (s *Store) look(inconsistent bool, f func(*Reader, *layout.State) error) error {
	s.life.RLock()
	defer s.life.RUnlock()
	r, err := s.reader(inconsistent)
	if err != nil {
		return err
	}
	defer r.tx.Rollback()
	return guard(func() error {
		st, err := layout.ReadState(r.tx)
		if err != nil {
			return err
		}
		return f(r, &st)
	})
}

// history opens a view of the history and runs f. The history is whole from its base on, whatever a copy has done to the
// data.
func (s *Store) history(f func(*past) error) error {
	return s.look(true, func(r *Reader, st *layout.State) error { return f(r.past(st)) })
}

// past is the history that the reader sees; st is the state in its view of bolt.
func (r *Reader) past(st *layout.State) *past {
	return &past{
		tx: r.tx, over: &r.over, end: r.end, base: st.Base, applied: st.Applied.Position.Sequence,
	}
}

// confirm says that the history has exactly this mark. The error is that of Digest, or ErrDiverged.
func (p *past) confirm(at history.Mark) error {
	digest, err := p.Digest(at.Position.Sequence)
	if err == nil && digest != at.Digest {
		err = fmt.Errorf("%w: %v has another digest here", history.ErrDiverged, at.Position)
	}
	return err
}

// Digest gives the digest at a sequence.
func (p *past) Digest(sequence uint64) (history.Digest, error) {
	switch {
	case sequence == p.base.Position.Sequence:
		return p.base.Digest, nil
	case sequence < p.base.Position.Sequence:
		return history.Digest{}, fmt.Errorf("%w: %d, the first is %d", history.ErrTrimmed, sequence, p.base.Position.Sequence+1)
	case sequence > p.end.Position.Sequence:
		return history.Digest{}, fmt.Errorf("%w: %d, the last is %v", history.ErrAbsent, sequence, p.end.Position)
	case sequence <= p.applied:
		d, _, _, err := layout.ReadHistoryHeader(p.tx.Bucket([]byte(layout.BucketHistory)).Get(layout.SequenceKey(sequence)))
		return d, err
	}
	for found := range p.over.Entries(sequence, sequence) {
		return found.Digest, nil
	}
	return history.Digest{}, fmt.Errorf("%w: entry %d is neither applied nor in the overlay", ErrDamaged, sequence)
}

// read gives entries from a sequence on, each held against the chain.
func (p *past) read(from uint64, limit, maxBytes int) (found []history.Stored, err error) {
	if from > p.end.Position.Sequence {
		return nil, nil
	}
	prev, err := p.Digest(from - 1)
	if err != nil {
		return nil, err
	}
	size := 0
	room := func(raw []byte) bool {
		size += len(raw)
		return len(found) < limit && (len(found) == 0 || size <= maxBytes)
	}
	if from <= p.applied {
		c := p.tx.Bucket([]byte(layout.BucketHistory)).Cursor()
		for k, v := c.Seek(layout.SequenceKey(from)); k != nil; k, v = c.Next() {
			digest, _, raw, err := layout.ReadHistoryHeader(v)
			if err != nil {
				return nil, err
			}
			if !room(raw) {
				return found, nil
			}
			s, err := history.ReadStored(prev, owned(raw))
			if err != nil {
				return nil, err
			}
			if string(k) != string(layout.SequenceKey(from)) || s.Entry.Position.Sequence != from || s.Digest != digest {
				return nil, fmt.Errorf("%w: history entry %d does not chain on", ErrDamaged, from)
			}
			found, prev = append(found, s), digest
			from++
		}
	}
	if from <= p.applied {
		return nil, fmt.Errorf("%w: history entry %d is missing", ErrDamaged, from)
	}
	for s := range p.over.Entries(from, p.end.Position.Sequence) {
		if !room(s.Raw) {
			return found, nil
		}
		found = append(found, *s)
	}
	return found, nil
}

// Entries reads the history from a sequence on, overlay included: at most limit entries (≤ 0: 1,000) and about maxBytes
// stored bytes (≤ 0: 4 MiB), but at least one if there is one; none, without an error, beyond the end. from 0 means 1.
// The memory must not be changed. The error is ErrTrimmed when from is trimmed, ErrDamaged when an entry does
// not chain on.
func (s *Store) Entries(from uint64, limit, maxBytes int) ([]history.Stored, error) {
	if limit <= 0 {
		limit = historyEntries
	}
	if maxBytes <= 0 {
		maxBytes = historyBytes
	}
	var found []history.Stored
	err := s.history(func(p *past) (err error) {
		found, err = p.read(max(from, 1), limit, maxBytes)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("history from %d: %w", from, err)
	}
	return found, nil
}

// EntryAt reads one entry of the history. The error is ErrTrimmed or ErrAbsent.
func (s *Store) EntryAt(sequence uint64) (history.Stored, error) {
	found, err := s.Entries(sequence, 1, math.MaxInt)
	if err == nil && (len(found) == 0 || sequence == 0) {
		err = fmt.Errorf("history entry %d: %w", sequence, history.ErrAbsent)
	}
	if err != nil {
		return history.Stored{}, err
	}
	return found[0], nil
}

// DigestAt returns the chained digest at a sequence; also at the one just before First, and at 0 when nothing was
// trimmed. The error is ErrTrimmed or ErrAbsent.
func (s *Store) DigestAt(sequence uint64) (history.Digest, error) {
	var d history.Digest
	err := s.history(func(p *past) (err error) {
		d, err = p.Digest(sequence)
		return err
	})
	if err != nil {
		return history.Digest{}, fmt.Errorf("digest at %d: %w", sequence, err)
	}
	return d, nil
}

// First is the first sequence in the history; when it is empty, the next sequence to come.
func (s *Store) First() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state.First()
}

// Pin keeps entries from the sequence on in the history until release is called (repeatable). It does not survive a
// restart. It waits for a running flush. The error is ErrTrimmed when some of them are trimmed.
func (s *Store) Pin(from uint64) (release func(), err error) {
	s.writing.Lock() // a running flush trims by the pins it saw when it began
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, fmt.Errorf("pin %d: %w", from, err)
	}
	if first := s.state.First(); from < first {
		return nil, fmt.Errorf("pin %d: %w, the first is %d", from, history.ErrTrimmed, first)
	}
	s.lastPin++
	pin := s.lastPin
	s.pins[pin] = from
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.pins, pin)
	}), nil
}
