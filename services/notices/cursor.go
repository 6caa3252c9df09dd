package notices

import (
	"errors"
	"slices"
)

var (
	// ErrBehind says that the read is older than the terminal's notices of the served epoch: read again.
	ErrBehind = errors.New("the notices read are older than the terminal's")
	// ErrDeposed says that the terminal has notices of a later epoch than the served one.
	ErrDeposed = errors.New("the terminal has notices of a later epoch")
)

// Stream is one of the two streams of a terminal's notices.
type Stream uint8

// A terminal has a stream of its own, and one in common with all others.
const (
	Own Stream = iota
	Common
	streams = iota
)

// Mark is a place in a stream: the last notice before it, and the stream's count up to it. A stream counts its notices
// from 1 without gaps, so both sides detect a lost one.
type Mark struct {
	Number Number
	Count  uint64
	Rough  bool // the place was set back: the count is that of the former place, and not lower
}

// Marks are places in both streams.
type Marks [streams]Mark

// Cursor is the durable position of a terminal. The zero Cursor is the beginning.
type Cursor struct {
	Pair   string
	Last   Number // the last notice stored, of either stream
	Marks  Marks  // beyond Last after a gap
	Starts []Start
}

// same reports whether both have the same notices.
func (c Cursor) same(d Cursor) bool {
	return c.Pair == d.Pair && c.Last == d.Last && c.Marks == d.Marks
}

// high is the highest number that the cursor knows of.
func (c Cursor) high() Number {
	high := c.Last
	for _, m := range c.Marks {
		if m.Number.After(high) {
			high = m.Number
		}
	}
	return high
}

// Range is the range after From, up to To.
type Range struct{ From, To Number }

// Resumed is the place where a terminal's notices continue.
type Resumed struct {
	// From is the cursor that the terminal sent. The answer is valid only while its cursor is the same: notices that
	// were sent before may have been stored since.
	From   Cursor
	Cursor Cursor
	// Void is the range that the terminal has and this history lacks; nil if there is none.
	Void *Range
}

// Resume returns where the notices of a terminal with cursor c continue. begin is the beginning of its streams: the
// update that added it.
//
// Its notices after the place where its history and this one separate are void. The last number alone does not tell
// that place: its epoch may be unknown here, and may have begun before the last update that both have. So a terminal
// remembers where the epochs of its notices began. If that does not reach far enough back, all its notices are void,
// and sent again.
func Resume(h History, begin Marks, c Cursor) (Resumed, error) {
	high := c.high()
	if len(h.Starts) == 0 || h.Starts[len(h.Starts)-1].Epoch != h.Epoch {
		return Resumed{}, ErrBehind
	}
	r := Resumed{From: c, Cursor: c}
	if c.Pair != h.Pair {
		if high != (Number{}) {
			r.Void = &Range{To: high}
		}
		r.Cursor = Cursor{}
	} else if high != (Number{}) {
		switch {
		case high.Epoch > h.Epoch:
			return Resumed{}, ErrDeposed
		case high.Epoch == h.Epoch && high.Sequence > h.End.Sequence:
			return Resumed{}, ErrBehind
		}
		if fork, parted := h.fork(c); parted {
			r.Void = &Range{From: fork, To: high}
			r.Cursor = c.back(fork)
		}
	}
	for s, m := range r.Cursor.Marks {
		if begin[s].Number.After(m.Number) {
			r.Cursor.Marks[s] = begin[s]
		}
	}
	r.Cursor.Pair, r.Cursor.Starts = h.Pair, slices.Clone(h.Starts[max(0, len(h.Starts)-MaxStarts):])
	return r, nil
}

// fork is the last place that the histories of both have in common. It has not parted when that is all that the terminal has.
func (h History) fork(c Cursor) (at Number, parted bool) {
	high := c.high()
	known := c.Starts
	for len(known) > 0 && known[len(known)-1].Epoch > high.Epoch {
		known = known[:len(known)-1]
	}
	if len(known) == 0 || known[len(known)-1].Epoch != high.Epoch {
		return Number{}, true // it can't say where its epoch began
	}
	end := high.Sequence
	for k := len(known) - 1; k >= 0; k-- {
		if i := slices.Index(h.Starts, known[k]); i >= 0 {
			if here := h.end(i); here < end {
				return last(known[k].Epoch, here), true
			}
			return last(known[k].Epoch, end), k < len(known)-1
		}
		end = known[k].Sequence - 1
	}
	return Number{}, true
}

// back returns c set back to a place.
func (c Cursor) back(to Number) Cursor {
	if c.Last.After(to) {
		c.Last = to
	}
	for s, m := range c.Marks {
		if m.Number.After(to) {
			c.Marks[s] = Mark{Number: to, Count: m.Count, Rough: true}
		}
	}
	return c
}
