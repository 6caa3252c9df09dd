package section

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
)

// Whole refuses content that can't be stored.
func (c *Content) Whole() error {
	bad := func(text string, a ...any) error {
		return fmt.Errorf("%w: content of %s: %s", format.ErrMalformed, c.Section.Bucket, fmt.Sprintf(text, a...))
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
			return nil, nil, bad("key %q is after the section's end", it.Key)
		case check.damaged(it.Key, it.Value):
			return nil, nil, bad("the value of key %q is damaged", it.Key)
		}
		before = it.Key
		return it.Key, it.Value, nil
	}, OnlyDigest, false)
	if err != nil {
		return err
	}
	if check.Digest != c.Digest {
		return bad("its digest is wrong")
	}
	if space, ok := layout.SpaceOf(c.Section.Bucket); c.Section.Bucket != History && (!ok || space == "" || len(space) > history.MaxSpace) {
		switch c.Section.Bucket {
		case layout.BucketAnswers, layout.BucketEpochs, layout.BucketFloors:
		default:
			return bad("no such bucket")
		}
	}
	return nil
}

// Repair is the repair of one section: first Note takes the keys that entries after the content's position have
// written, then Put writes.
type Repair struct {
	content *Content
	next    *layout.State
	touched map[string]bool   // keys that entries behind the content's position have written
	floors  map[string]uint64 // floors that they have raised terminals to
	// Changed counts the keys that were put right.
	Changed int
}

// NewRepair begins the repair of a content's section. next is the state of the file after it.
func NewRepair(content *Content, next *layout.State) *Repair {
	return &Repair{content: content, next: next, floors: map[string]uint64{}, touched: map[string]bool{}}
}

// Note takes the keys that one entry has written.
func (m *Repair) Note(e *history.Entry) {
	switch m.content.Section.Bucket {
	case layout.DataPath(e.Space), layout.DataPath(history.OutboxSpace):
		for space, f := range e.Changes() {
			if m.content.Section.Bucket == layout.DataPath(space) {
				m.touched[string(f.Key)] = true
			}
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

// Put writes the keys that differ, and deletes those that must not exist.
func (m *Repair) Put(tx *bolt.Tx) error {
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
func (m *Repair) foreign(key []byte) bool {
	if m.content.Section.Bucket != History {
		return m.touched[string(key)]
	}
	if len(key) != 8 {
		return false
	}
	n := binary.BigEndian.Uint64(key)
	return n < m.next.First() || n > m.next.Applied.Position.Sequence || n > m.content.At.Position.Sequence
}

func (m *Repair) drop(tx *bolt.Tx, b *bolt.Bucket, key []byte) error {
	m.Changed++
	if m.content.Section.Bucket == History {
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

func (m *Repair) write(tx *bolt.Tx, b *bolt.Bucket, key, value []byte) error {
	m.Changed++
	if m.content.Section.Bucket == History {
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
