package storage

import (
	"bytes"
	"strings"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
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

// merged walks bolt and both generations of the overlay at once, in the order of keys.
type merged struct {
	reader *Reader
	prefix []byte
	// base precedes the keys in the overlay's names.
	base   string
	cursor *bolt.Cursor
	key    []byte // where the cursor is; nil at the end
	value  []byte
	tables [2]struct {
		*table
		at named
		ok bool
	}
}

// merge begins a walk.
func (r *Reader) merge(space string, prefix, after []byte) *merged {
	m := &merged{reader: r, prefix: prefix, base: dataPrefix(space)}
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
	for i, t := range []*table{r.active, r.frozen} { // the newer first
		m.tables[i].table = t
		m.tables[i].at, m.tables[i].ok = t.next(m.base+string(prefix), m.base+string(from), past, r.end.Position.Sequence)
	}
	return m
}

// next gives the next key that is present. Key and value are not the caller's.
func (m *merged) next() (Item, bool, error) {
	for {
		if m.key != nil && !bytes.HasPrefix(m.key, m.prefix) {
			m.key = nil
		}
		lowest, some := string(m.key), m.key != nil
		for i := range m.tables {
			if t := &m.tables[i]; t.ok {
				if key := strings.TrimPrefix(t.at.name, m.base); !some || key < lowest {
					lowest, some = key, true
				}
			}
		}
		if !some {
			return Item{}, false, nil
		}
		var found *version
		for i := range m.tables {
			t := &m.tables[i]
			if !t.ok || t.at.name != m.base+lowest {
				continue
			}
			if found == nil {
				v := t.at.version
				found = &v
			}
			t.at, t.ok = t.next(m.base+string(m.prefix), t.at.name, true, m.reader.end.Position.Sequence)
		}
		var stored []byte
		if m.key != nil && string(m.key) == lowest {
			stored = m.value
			m.key, m.value = m.cursor.Next()
		}
		switch {
		case found == nil:
			revision, value, err := layout.ReadDataValue([]byte(lowest), stored)
			return Item{Key: []byte(lowest), Value: value, Revision: revision}, err == nil, err
		case !found.data().Delete:
			return Item{Key: []byte(lowest), Value: found.data().Value, Revision: found.sequence}, true, nil
		}
	}
}
