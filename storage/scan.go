package storage

import (
	"bytes"
	"iter"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/overlay"
)

const (
	scanItems = 1000    // items of a scan that names no limit
	scanBytes = 1 << 20 // bytes of a scan that names none
)

// Scan reads keys with the prefix in order, from the first one behind after (nil: from the first), at most limit items
// (≤ 0: 1,000) and about maxBytes of keys and values (≤ 0: 1 MiB), but at least one if there is one. more says that
// there are others.
func (r *Reader) Scan(space string, prefix, after []byte, limit, maxBytes int) (items []Item, more bool) {
	if len(space) == 0 || len(space) > history.MaxSpace {
		return nil, false
	}
	if limit <= 0 {
		limit = scanItems
	}
	if maxBytes <= 0 {
		maxBytes = scanBytes
	}
	r.fail(guard(func() error {
		m := r.merge(space, prefix, after)
		for size := 0; ; {
			it, ok, err := m.next()
			if err != nil || !ok {
				return err
			}
			if len(items) == limit || (len(items) > 0 && size+len(it.Key)+len(it.Value) > maxBytes) {
				more = true
				return nil
			}
			size += len(it.Key) + len(it.Value)
			items = append(items, Item{Key: owned(it.Key), Value: owned(it.Value), Revision: it.Revision})
		}
	}))
	return items, more
}

// Walk gives the keys with the prefix in order, from the first one behind after, without copying: key and value are the
// walk's, until it continues. A deleted key comes with revision 0 until the deletion is applied, so that a caller that
// bounds the walk counts what it costs.
func (r *Reader) Walk(space string, prefix, after []byte) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		for it := range r.Each(space, prefix, after) {
			if it.Err != nil {
				r.fail(it.Err)
				return
			}
			if !yield(it) {
				return
			}
		}
	}
}

// Each is Walk for independent keys: a key with a damaged value comes with an error
// of its own, and the walk continues. Where the file itself can't be followed, the view fails.
func (r *Reader) Each(space string, prefix, after []byte) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		if len(space) == 0 || len(space) > history.MaxSpace {
			return
		}
		var m *merged
		var it Item
		ok := true
		r.fail(guard(func() error { m = r.merge(space, prefix, after); return nil }))
		for r.err == nil {
			r.fail(guard(func() error { it, ok = m.step(); return nil }))
			if r.err != nil || !ok || !yield(it) {
				return
			}
		}
	}
}

// merged walks bolt and the overlay at once, in the order of keys.
type merged struct {
	over   *overlay.Cursor
	prefix []byte
	cursor *bolt.Cursor
	key    []byte // where the cursor is; nil at the end
	value  []byte
}

// merge begins a walk.
func (r *Reader) merge(space string, prefix, after []byte) *merged {
	m := &merged{prefix: prefix}
	from, past := prefix, false
	if after != nil && bytes.Compare(after, prefix) >= 0 {
		from, past = after, true
	}
	if data := r.space(space); data != nil {
		m.cursor = data.Cursor()
		m.key, m.value = m.cursor.Seek(from)
		if past && m.key != nil && bytes.Equal(m.key, from) {
			m.key, m.value = m.cursor.Next()
		}
	}
	m.over = r.over.Walk(overlay.Space(space), prefix, from, past)
	return m
}

// next gives the next key that is present. Key and value are not the caller's.
func (m *merged) next() (Item, bool, error) {
	for {
		if it, ok := m.step(); it.Err != nil || !ok || it.Revision != 0 {
			return it, ok, it.Err
		}
	}
}

// step gives the next key, with revision 0 when it is deleted and bolt may still have it, or with why it can't be read.
func (m *merged) step() (Item, bool) {
	if m.key != nil && !bytes.HasPrefix(m.key, m.prefix) {
		m.key = nil
	}
	lowest, some := string(m.key), m.key != nil
	if key, ok := m.over.Key(); ok && (!some || key < lowest) {
		lowest, some = key, true
	}
	if !some {
		return Item{}, false
	}
	found := m.over.Take(lowest)
	var stored []byte
	if m.key != nil && string(m.key) == lowest {
		stored = m.value
		m.key, m.value = m.cursor.Next()
	}
	if len(found) == 0 {
		revision, value, err := layout.ReadDataValue([]byte(lowest), stored)
		return Item{Key: []byte(lowest), Value: value, Revision: max(revision, 1), Err: err}, true
	}
	effect := found[0].Effect()
	if effect.Delete {
		return Item{Key: []byte(lowest)}, true
	}
	return Item{Key: []byte(lowest), Value: effect.Value, Revision: found[0].Sequence}, true
}
