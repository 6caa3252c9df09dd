package notices

import (
	"errors"
	"slices"
)

var (
	// ErrBehind says that what was read is older than what the terminal has of the epoch that is served: read again.
	ErrBehind = errors.New("the notices read are older than the terminal's")
	// ErrDeposed says that the terminal has notices of a later epoch than the one that is served here.
	ErrDeposed = errors.New("the terminal has notices of a later epoch")
)

// Stream is one of the two that a terminal's notices come from.
type Stream uint8

// A terminal has a stream of its own, and one in common with all others.
const (
	Own Stream = iota
	Common
	streams = iota
)

// Mark is a place in a stream: the last notice before it, and how many the stream had by then. A stream counts its notices from 1 without
// gaps, so both sides see it when one is lost.
type Mark struct {
	Number Number
	Count  uint64
	Rough  bool // the place was set back: the count is of where it was before, and at least as high
}

// Marks are places in both streams.
type Marks [streams]Mark

// Cursor is what a terminal has, durably. The zero Cursor has nothing.
type Cursor struct {
	Pair   string
	Last   Number // the last notice stored, of either stream
	Marks  Marks  // beyond Last where a gap was told
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

// Range is what comes after From, up to To.
type Range struct{ From, To Number }

// Resumed is where a terminal goes on.
type Resumed struct {
	// From is what the terminal said that it has. It takes the rest only while that is still so: what it was sent before it said so may
	// have been stored since.
	From   Cursor
	Cursor Cursor
	// Void is what it has and the history here has not; nil when there is nothing of the kind.
	Void *Range
}

// Resume says where a terminal goes on that has c. begin is where its streams begin: the update that added it.
//
// What it has beyond the place where its history and the one here part is void. That place can't be told by its last number alone: that
// may be of an epoch which is unknown here, and which may have begun before the last update that both have. So a terminal remembers where
// the epochs began that its notices are of. When that does not reach far enough back, all that it has is void, and comes again.
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

// back gives c as it was at a place.
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
