package storage

import (
	"context"
	"fmt"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/section"
)

// Repair makes a section of this host's database equal to another host's: content is the whole section, with values,
// as it is at content.At. What was committed since is respected: keys that an entry behind content.At has written are
// left alone, because that entry has set them correctly. It first applies what is committed. changed counts
// the repaired keys.
//
// It is for a standby whose database differs from the active's although both have the same history. The error is
// ErrAbsent when content.At is not committed here yet, ErrDiverged when it is of another history, ErrTrimmed when the
// history since is trimmed, ErrMalformed when the content is not whole, none of which changes anything. A failed write
// kills the store.
func (s *Store) Repair(ctx context.Context, content section.Content) (changed int, err error) {
	if err := content.Whole(); err != nil {
		return 0, fmt.Errorf("repair: %w", err)
	}
	if _, err := s.Flush(ctx); err != nil {
		return 0, fmt.Errorf("repair: %w", err)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.RLock()
	err, next, db := s.usable(), s.state, s.db
	s.mu.RUnlock()
	if err == nil && next.Snapshot != nil {
		err = ErrReceiving
	}
	if err != nil {
		return 0, fmt.Errorf("repair: %w", err)
	}
	m := section.NewRepair(&content, &next)
	if content.Section.Bucket != section.History {
		if err := s.since(content.At, m); err != nil {
			return 0, fmt.Errorf("repair: %w", err)
		}
	}
	var epochs []layout.EpochStart
	err = guard(func() error {
		return db.Update(func(tx *bolt.Tx) (err error) {
			if err := m.Put(tx); err != nil {
				return err
			}
			if epochs, err = layout.ReadEpochs(tx); err != nil && content.Section.Bucket != layout.BucketEpochs {
				epochs, err = nil, nil // damaged, and not what is repaired now
			}
			if err != nil {
				return err
			}
			return layout.WriteState(tx, &next)
		})
	})
	if err != nil {
		return 0, fmt.Errorf("repair: %w", s.kill(err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = next
	if content.Section.Bucket == layout.BucketEpochs && epochs != nil {
		for _, e := range s.epochs { // those that only the overlay has
			if e.Sequence > next.Applied.Position.Sequence {
				epochs = layout.WithEpoch(epochs, e)
			}
		}
		s.epochs = epochs
	}
	s.changes++
	return m.Changed, nil
}

// since collects what the applied entries behind a position have written. writing must be held.
func (s *Store) since(at history.Mark, m *section.Repair) error {
	return s.history(func(p *past) error {
		if at.Position.Sequence > p.applied {
			return fmt.Errorf("%w: %v, applied up to %d", history.ErrAbsent, at.Position, p.applied)
		}
		if err := p.confirm(at); err != nil {
			return err
		}
		c := p.tx.Bucket([]byte(layout.BucketHistory)).Cursor()
		for k, v := c.Seek(layout.SequenceKey(at.Position.Sequence + 1)); k != nil; k, v = c.Next() {
			_, _, raw, err := layout.ReadHistoryHeader(v)
			if err != nil {
				return err
			}
			e, err := history.DecodeEntry(raw)
			if err != nil {
				return err
			}
			m.Note(&e)
		}
		return nil
	})
}
