// Package canon encodes states so that two states are equal when the same can follow from both. The exploration uses it
// to recognize the states that it has visited.
package canon

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/storage/position"
)

// Writer encodes a state so that two states are equal when the same can follow from both: times count from
// now and are capped where they stop mattering, numbers that only rise count from the register's, and numbers that are
// only compared for equality count in the order of their appearance. What decides nothing (texts, the time of
// the last addition to the set) is left out.
type Writer struct {
	// Now is the clock of the host that is written.
	Now time.Duration
	// Wall is what its wall clock shows.
	Wall time.Time
	// Epoch, Version and Revision are what epochs, versions and revisions count from; Sequence likewise: positions up
	// to it are alike.
	Epoch, Version, Revision, Sequence uint64
	// OwnRevisions: revisions are an epoch and a version in one number, as in registers of the hosts' own.
	OwnRevisions bool
	// Steps are the values of PeerView.Steps that occur, sorted, for each host that says them: only their order matters.
	Steps map[string][]uint64

	out []byte
	ids []uint64
}

// Reset discards the output and keeps the memory.
func (c *Writer) Reset() { c.out, c.ids = c.out[:0], c.ids[:0] }

// Bytes is what was written since Reset. It is valid until the next Reset.
func (c *Writer) Bytes() []byte { return c.out }

// Byte writes a small number.
func (c *Writer) Byte(b byte) { c.out = append(c.out, b) }

// Int writes a number.
func (c *Writer) Int(n int64) { c.out = binary.AppendVarint(c.out, n) }

// Bools writes up to eight booleans.
func (c *Writer) Bools(truths ...bool) {
	var b byte
	for i, t := range truths {
		if t {
			b |= 1 << i
		}
	}
	c.Byte(b)
}

// ID writes a number of which only equality matters.
func (c *Writer) ID(id uint64) {
	if id == 0 {
		c.Byte(0)
		return
	}
	i := slices.Index(c.ids, id)
	if i < 0 {
		i = len(c.ids)
		c.ids = append(c.ids, id)
	}
	c.Byte(byte(i + 1))
}

// Until writes how long a time is ahead.
func (c *Writer) Until(t time.Duration) { c.Int(int64(max(0, t-c.Now))) }

// Since writes how long a time is past, at most longest. 0 is never.
func (c *Writer) Since(t, longest time.Duration) {
	if t == 0 {
		c.Int(-1)
		return
	}
	c.Int(int64(min(c.Now-t, longest)))
}

func (c *Writer) relative(n, to uint64) {
	if n == 0 {
		c.Byte(0)
		return
	}
	c.Byte(byte(max(int64(n)-int64(to), -6) + 10))
}

// Position writes a position.
func (c *Writer) Position(p position.Position) {
	if p.Sequence <= c.Sequence {
		c.Byte(0)
		return
	}
	c.Byte(byte(p.Sequence - c.Sequence))
	c.relative(p.Epoch, c.Epoch)
}

// EpochNumber writes an epoch.
func (c *Writer) EpochNumber(n uint64) { c.relative(n, c.Epoch) }

// RevisionNumber writes a revision.
func (c *Writer) RevisionNumber(n uint64) {
	if c.OwnRevisions {
		c.relative(n>>24, c.Epoch)
		n &= 1<<24 - 1
		c.relative(n, c.Version)
		return
	}
	c.relative(n, c.Revision)
}

// VersionNumber writes a version of the record.
func (c *Writer) VersionNumber(n uint64) { c.relative(n, c.Version) }

// Text writes a text whose bytes matter.
func (c *Writer) Text(s string) {
	c.Byte(byte(len(s)))
	c.out = append(c.out, s...)
}

// Note writes a note of membership.
func (c *Writer) Note(n membership.Note) {
	c.VersionNumber(n.Version)
	c.EpochNumber(n.Epoch)
	c.Bools(n.Out)
}
