package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
)

// Repair makes a section of this host's database what another host holds there: content is the whole section, with values,
// as it is at content.At. What was committed since is respected: keys that an entry behind content.At has written are
// left alone, because that entry has made them what they must be. It applies what is committed first. changed counts
// the keys that were put right.
//
// It is for a standby whose database has become another one than the active's although both hold the same history. The
// error is ErrAbsent when content.At is not committed here yet, ErrDiverged when it is of another history, ErrTrimmed when
// the history since is no longer there, ErrMalformed when the content is not whole, none of which changes anything. A failed
// write kills the store.
func (s *Store) Repair(ctx context.Context, content Content) (changed int, err error) {
	if err := content.whole(); err != nil {
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
	if err == nil && next.Copy != nil {
		err = ErrCopying
	}
	if err != nil {
		return 0, fmt.Errorf("repair: %w", err)
	}
	m := mending{content: &content, next: &next, floors: map[string]uint64{}, touched: map[string]bool{}}
	if content.Section.Bucket != bucketHistoryPath {
		if err := s.since(content.At, &m); err != nil {
			return 0, fmt.Errorf("repair: %w", err)
		}
	}
	var epochs []layout.EpochStart
	err = guard(func() error {
		return db.Update(func(tx *bolt.Tx) (err error) {
			if err := m.put(tx); err != nil {
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
	return m.changed, nil
}

// whole refuses content that can't be put anywhere.
func (c *Content) whole() error {
	bad := func(format string, a ...any) error {
		return fmt.Errorf("%w: content of %s: %s", ErrMalformed, c.Section.Bucket, fmt.Sprintf(format, a...))
	}
	if c.More || len(c.Values) != c.Items {
		return bad("%d of %d values", len(c.Values), c.Items)
	}
	before := c.Section.After
	check := Content{Section: c.Section}
	at := 0
	err := check.fill(func() ([]byte, []byte, error) {
		if at == len(c.Values) {
			return nil, nil, nil
		}
		it := &c.Values[at]
		at++
		switch {
		case it.Bucket != c.Section.Bucket || bytes.Compare(it.Key, before) <= 0 && len(before)+len(it.Key) > 0:
			return nil, nil, bad("key %q of %q is out of order", it.Key, it.Bucket)
		case c.Section.Last != nil && bytes.Compare(it.Key, c.Section.Last) > 0:
			return nil, nil, bad("key %q lies behind its end", it.Key)
		case check.damaged(it.Key, it.Value):
			return nil, nil, bad("what key %q holds is damaged", it.Key)
		}
		before = it.Key
		return it.Key, it.Value, nil
	}, OnlyDigest, false)
	if err != nil {
		return err
	}
	if check.Digest != c.Digest {
		return bad("its digest does not fit")
	}
	if space, ok := layout.SpaceOf(c.Section.Bucket); c.Section.Bucket != bucketHistoryPath && (!ok || space == "" || len(space) > history.MaxSpace) {
		switch c.Section.Bucket {
		case layout.BucketAnswers, layout.BucketEpochs, layout.BucketFloors:
		default:
			return bad("no such bucket")
		}
	}
	return nil
}

// mending is the repair of one section.
type mending struct {
	content *Content
	next    *layout.State
	touched map[string]bool   // keys that entries behind the content's position have written
	floors  map[string]uint64 // floors that they have raised terminals to
	changed int
}

// since collects what the applied entries behind a position have written. writing must be held.
func (s *Store) since(at history.Mark, m *mending) error {
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
			m.note(&e)
		}
		return nil
	})
}

// note takes what one entry has written.
func (m *mending) note(e *history.Entry) {
	switch m.content.Section.Bucket {
	case layout.DataPath(e.Space):
		for i := range e.Effects {
			m.touched[string(e.Effects[i].Key)] = true
		}
	case layout.BucketAnswers:
		if e.HasAnswer {
			m.touched[string(layout.AnswerKey(e.Request))] = true
		}
	case layout.BucketFloors:
		if floor := e.Floor(); floor > 0 {
			m.floors[e.Request.Terminal] = max(m.floors[e.Request.Terminal], floor)
		}
	case layout.BucketEpochs:
		if e.Kind == history.KindBegan {
			m.touched[string(layout.SequenceKey(e.Position.Epoch))] = true
		}
	}
}

// put writes what differs, and deletes what must not be there.
func (m *mending) put(tx *bolt.Tx) error {
	q := m.content.Section
	b := tx.Bucket([]byte(q.Bucket))
	if space, ok := layout.SpaceOf(q.Bucket); ok {
		var err error
		if b, err = tx.Bucket([]byte(layout.BucketData)).CreateBucketIfNotExists([]byte(space)); err != nil {
			return err
		}
	}
	wanted := map[string][]byte{}
	for i := range m.content.Values {
		it := &m.content.Values[i]
		wanted[string(it.Key)] = it.Value
		if floor, raised := m.floors[string(it.Key)]; raised {
			was, err := layout.ReadFloor(string(it.Key), it.Value)
			if err != nil {
				return err
			}
			wanted[string(it.Key)] = layout.FloorValue(string(it.Key), max(was, floor))
		}
	}
	// Collected first: a cursor is not to be trusted across changes.
	var gone [][]byte
	have := map[string]bool{}
	c := b.Cursor()
	k, v := c.Seek(q.After)
	for ; k != nil && (q.Last == nil || bytes.Compare(k, q.Last) <= 0); k, v = c.Next() {
		if bytes.Equal(k, q.After) && len(q.After) > 0 || m.foreign(k) {
			continue
		}
		want, ok := wanted[string(k)]
		switch {
		case !ok && m.floors[string(k)] == 0:
			gone = append(gone, bytes.Clone(k))
		case ok && bytes.Equal(v, want):
			have[string(k)] = true
		}
	}
	for _, k := range gone {
		if err := m.drop(tx, b, k); err != nil {
			return err
		}
	}
	for i := range m.content.Values {
		key := m.content.Values[i].Key
		if have[string(key)] || m.foreign(key) {
			continue
		}
		if err := m.write(tx, b, key, wanted[string(key)]); err != nil {
			return err
		}
	}
	return nil
}

// foreign reports whether a key is not the content's to decide: written since, or history that this host does not keep.
func (m *mending) foreign(key []byte) bool {
	if m.content.Section.Bucket != bucketHistoryPath {
		return m.touched[string(key)]
	}
	if len(key) != 8 {
		return false
	}
	n := binary.BigEndian.Uint64(key)
	return n < m.next.First() || n > m.next.Applied.Position.Sequence || n > m.content.At.Position.Sequence
}

func (m *mending) drop(tx *bolt.Tx, b *bolt.Bucket, key []byte) error {
	m.changed++
	if m.content.Section.Bucket == bucketHistoryPath {
		m.next.Bytes -= int64(max(len(b.Get(key))-layout.HistoryHeader, 0))
	}
	if m.content.Section.Bucket == layout.BucketAnswers {
		if id, err := layout.ParseAnswerKey(key); err == nil && id.App != "" {
			if issued, err := id.Issued(); err == nil {
				if err := tx.Bucket([]byte(layout.BucketIssued)).Delete(layout.IssuedKey(issued.UnixNano(), key)); err != nil {
					return err
				}
			}
		}
	}
	return b.Delete(key)
}

func (m *mending) write(tx *bolt.Tx, b *bolt.Bucket, key, value []byte) error {
	m.changed++
	if m.content.Section.Bucket == bucketHistoryPath {
		m.next.Bytes += int64(len(value)) - int64(max(len(b.Get(key)), layout.HistoryHeader))
	}
	if m.content.Section.Bucket == layout.BucketAnswers {
		if id, err := layout.ParseAnswerKey(key); err == nil && id.App != "" {
			if issued, err := id.Issued(); err == nil {
				if err := tx.Bucket([]byte(layout.BucketIssued)).Put(layout.IssuedKey(issued.UnixNano(), key), []byte{1}); err != nil {
					return err
				}
			}
		}
	}
	return b.Put(key, value)
}
