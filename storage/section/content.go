// Package section is how two databases are compared and one of them is repaired: runs of keys with a digest, small
// enough for one short view, read as they are at one position however much of it has been applied; the keys in which
// two of them differ; and the repair of a section that is to hold what another host has there.
//
// It has no state: the store gives it a view to read and a transaction to write. Digests of two hosts with one history are equal,
// because what is not applied yet is given the very bytes that it will have in the file, and answers that only wait to be
// deleted are left out.
package section

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
)

const (
	// MostItems and sectionBytes bound a section: a millisecond or two of reading.
	MostItems    = 2048
	sectionBytes = 256 << 10
	// listedMost bounds the keys of a listing, of a host that has far too many in a section.
	listedMost = 4 * MostItems
)

// Section is a run of keys of one bucket: those behind After, up to Last, which belongs to it. A nil Last is the end of the
// bucket. Buckets are those of a copy, and "history", whose keys are sequences.
type Section struct {
	Bucket string `cbor:"1,keyasint"`
	After  []byte `cbor:"2,keyasint,omitempty"`
	Last   []byte `cbor:"3,keyasint,omitempty"`
}

// Reaches reports whether a section of the history ends at a sequence, or behind it.
func (s Section) Reaches(sequence uint64) bool {
	return bytes.Compare(s.Last, layout.SequenceKey(sequence)) >= 0
}

// Content is the content of a section at one position.
type Content struct {
	Section Section `cbor:"1,keyasint"`
	// At is the position, Forgotten what is forgotten there (Entry.Forgotten): answers that only wait to be deleted are left out.
	At        history.Mark `cbor:"2,keyasint"`
	Forgotten int64        `cbor:"3,keyasint,omitempty"`
	// Digest is over all keys and values, Items and Bytes count them.
	Digest history.Digest `cbor:"4,keyasint"`
	Items  int            `cbor:"5,keyasint,omitempty"`
	Bytes  int64          `cbor:"6,keyasint,omitempty"`
	// Sums are of the single keys, Values what they hold, if they were asked for.
	Sums   []KeySum      `cbor:"7,keyasint,omitempty"`
	Values []layout.Item `cbor:"8,keyasint,omitempty"`
	// More says that there are more keys than are listed.
	More bool `cbor:"9,keyasint,omitempty"`

	prev *history.Digest // of the entry before, while entries of the history are looked at
}

// KeySum is a key with the beginning of the digest of its value. Damaged: the value does not match its checksum.
type KeySum struct {
	Key     []byte `cbor:"1,keyasint"`
	Sum     []byte `cbor:"2,keyasint"`
	Damaged bool   `cbor:"3,keyasint,omitempty"`
}

// Detail is how much of a section is requested beside its digest.
type Detail uint8

// Details of a section, each with the ones before.
const (
	OnlyDigest Detail = iota
	WithSums
	WithValues
)

// History names the history among sections.
const History = layout.BucketHistory

// Read reads the section from a source, or as much of it as one short view may read if it is to grow: Section.Last is then what
// was read last, nil at the end of the bucket.
func (c *Content) Read(from Source, detail Detail, grow bool) error {
	w, err := newWalk(from, c.Section)
	if err != nil {
		return err
	}
	return c.fill(w.next, detail, grow)
}

// fill takes what next gives, within the bounds of a section if it grows, otherwise all.
func (c *Content) fill(next func() (key, value []byte, err error), detail Detail, grow bool) error {
	h := sha256.New()
	for {
		key, value, err := next()
		if err != nil {
			return err
		}
		if key == nil {
			if grow {
				c.Section.Last = nil
			}
			break
		}
		if grow && c.Items > 0 && (c.Items >= MostItems || c.Bytes+int64(len(key)+len(value)) > sectionBytes) {
			break // Last is the key before
		}
		if grow {
			c.Section.Last = bytes.Clone(key)
		} else if c.Items >= 4*listedMost {
			c.More = true // far more than the other host has: that is a difference however many follow
			break
		}
		c.Items++
		c.Bytes += int64(len(key) + len(value))
		format.WritePart(h, key)
		format.WritePart(h, value)
		if detail >= WithSums && len(c.Sums) >= listedMost {
			c.More = true
			continue
		}
		if detail >= WithSums {
			sum := sha256.Sum256(value)
			c.Sums = append(c.Sums, KeySum{Key: bytes.Clone(key), Sum: sum[:12], Damaged: c.damaged(key, value)})
		}
		if detail >= WithValues {
			c.Values = append(c.Values, layout.Item{Bucket: c.Section.Bucket, Key: bytes.Clone(key), Value: bytes.Clone(value)})
		}
	}
	h.Sum(c.Digest[:0])
	return nil
}

// damaged reports whether a value is not as its bucket holds values. An entry of the history shows it by the chain, so they
// must be looked at in order.
func (c *Content) damaged(key, value []byte) bool {
	if c.Section.Bucket == History {
		digest, _, raw, err := layout.ReadHistoryHeader(value)
		if err != nil {
			return true
		}
		var before history.Digest
		known := c.prev != nil
		if known {
			before = *c.prev
		}
		c.prev = &digest
		e, err := history.ReadStored(before, raw)
		return err != nil || string(layout.SequenceKey(e.Entry.Position.Sequence)) != string(key) || known && e.Digest != digest
	}
	it := layout.Item{Bucket: c.Section.Bucket, Key: key, Value: value}
	return it.Validate() != nil
}

// Chain is a source of the digests of the history.
type Chain interface {
	Digest(sequence uint64) (history.Digest, error)
}

// ReadHistory reads entries of the applied history, with the state in the view that tx is. They never change, so any position at which both hosts have them will do.
func (c *Content) ReadHistory(tx *bolt.Tx, st *layout.State, chain Chain, detail Detail, grow bool) error {
	c.At, c.Forgotten = st.Applied, st.Forgotten
	from := uint64(1)
	if len(c.Section.After) == 8 {
		from = binary.BigEndian.Uint64(c.Section.After) + 1
	}
	if from < st.First() {
		if !grow {
			return fmt.Errorf("%w: %d, the first is %d", history.ErrTrimmed, from, st.First())
		}
		from = st.First()
		c.Section.After = layout.SequenceKey(from - 1)
	}
	if last := c.Section.Last; last != nil && bytes.Compare(last, layout.SequenceKey(st.Applied.Position.Sequence)) > 0 {
		return fmt.Errorf("%w: applied is %v", history.ErrAbsent, st.Applied.Position)
	}
	if before, err := chain.Digest(from - 1); err == nil { // otherwise the entry before is damaged, and named itself
		c.prev = &before
	}
	cursor := tx.Bucket([]byte(layout.BucketHistory)).Cursor()
	key, value := cursor.Seek(layout.SequenceKey(from))
	var end []byte
	err := c.fill(func() ([]byte, []byte, error) {
		k, v := key, value
		if k == nil || !grow && c.Section.Last != nil && bytes.Compare(k, c.Section.Last) > 0 {
			return nil, nil, nil
		}
		end = k
		key, value = cursor.Next()
		return k, v, nil
	}, detail, grow)
	if grow && c.Items > 0 && c.Section.Last == nil {
		c.Section.Last = bytes.Clone(end) // it goes on growing: the end is here, and the next section is empty
	}
	return err
}
