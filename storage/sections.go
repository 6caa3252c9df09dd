package storage

import (
	"fmt"
	"slices"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/overlay"
	"github.com/hotpair/hotpair/storage/section"
)

// Buckets lists the buckets that two hosts can compare, the history first.
func (s *Store) Buckets() ([]string, error) {
	var paths []string
	err := s.applied(func(tx *bolt.Tx, _ *layout.State) (err error) {
		paths, err = layout.Transferred(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list buckets: %w", err)
	}
	s.mu.RLock()
	generations := []*overlay.Generation{s.active, s.frozen}
	s.mu.RUnlock()
	for _, t := range generations { // spaces that bolt does not hold yet
		for _, space := range t.Spaces() {
			if path := layout.DataPath(space); !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
	}
	slices.Sort(paths)
	return append([]string{section.History}, paths...), nil
}

// NextSection reads the section behind a key of a bucket at the committed end (of the history: at the applied one), as
// large as one short view may read. Last of what it returns is nil when the bucket ends there; of the history that section is
// empty, and means nothing at another host. The error is ErrReceiving or ErrDamaged;
// ErrTrimmed for history that is gone.
func (s *Store) NextSection(bucket string, after []byte) (section.Content, error) {
	return s.section(section.Section{Bucket: bucket, After: after}, nil, 0, section.OnlyDigest, true)
}

// ReadSection reads a section as it was at a position, whatever was committed since: bolt and, over it, the entries of the
// overlay up to there. at nil is the committed end; otherwise forgotten is what is forgotten there. The error is ErrPassed when bolt has
// applied more already, ErrAbsent when the position is not committed here yet, ErrDiverged when it is of another history,
// and what NextSection gives.
func (s *Store) ReadSection(q section.Section, at *history.Mark, forgotten int64, detail section.Detail) (section.Content, error) {
	return s.section(q, at, forgotten, detail, false)
}

func (s *Store) section(q section.Section, at *history.Mark, forgotten int64, detail section.Detail, grow bool) (section.Content, error) {
	c := section.Content{Section: q}
	err := s.look(false, func(r *Reader, st *layout.State) error {
		if q.Bucket == section.History {
			return c.ReadHistory(r.tx, st, r.past(st), detail, grow)
		}
		if at != nil {
			if err := r.back(*at, forgotten, st); err != nil {
				return err
			}
		}
		c.At, c.Forgotten = r.end, r.forgotten
		return c.Read(section.Source{Tx: r.tx, Over: &r.over, Forgotten: r.forgotten}, detail, grow)
	})
	if err != nil {
		return section.Content{}, fmt.Errorf("read section of %s: %w", q.Bucket, err)
	}
	return c, nil
}

// back makes the reader one at an earlier position than the committed end.
func (r *Reader) back(at history.Mark, forgotten int64, st *layout.State) error {
	sequence := at.Position.Sequence
	switch {
	case sequence < st.Applied.Position.Sequence:
		return fmt.Errorf("%w: %v, applied is %v", ErrPassed, at.Position, st.Applied.Position)
	case sequence > r.end.Position.Sequence:
		return fmt.Errorf("%w: %v, committed is %v", history.ErrAbsent, at.Position, r.end.Position)
	}
	if err := r.past(st).confirm(at); err != nil {
		return err
	}
	r.end, r.forgotten, r.over.Sequence = at, forgotten, sequence
	return nil
}
