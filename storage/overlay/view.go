package overlay

import (
	"iter"
	"strings"

	"github.com/hotpair/hotpair/storage/history"
)

// View is the overlay as a reader sees it: both generations, up to one sequence. Frozen may be nil.
type View struct {
	Frozen, Active *Generation
	Sequence       uint64
}

// Value returns the overlay's version of a key.
func (w *View) Value(space string, key []byte) (Version, bool) {
	return w.get(Space(space) + string(key))
}

// Answer finds the entry that was recorded under a request.
func (w *View) Answer(id history.RequestID) (Version, bool) { return w.get(answerName(id)) }

// Floor gives the floor that the overlay raises a terminal to, 0 for none.
func (w *View) Floor(terminal string) (floor uint64) {
	name := floorName(terminal)
	for _, g := range w.newestFirst() {
		if v, ok := g.get(name, w.Sequence); ok {
			floor = max(floor, v.Floor)
		}
	}
	return floor
}

// Entries gives the entries with sequences from…upto in order, as far as the overlay has them.
func (w *View) Entries(from, upto uint64) iter.Seq[*history.Stored] {
	return func(yield func(*history.Stored) bool) {
		for _, g := range []*Generation{w.Frozen, w.Active} {
			for _, s := range g.slice(from, upto) {
				if !yield(s) {
					return
				}
			}
		}
	}
}

func (w *View) newestFirst() [2]*Generation { return [2]*Generation{w.Active, w.Frozen} }

func (w *View) get(name string) (Version, bool) {
	for _, g := range w.newestFirst() {
		if v, ok := g.get(name, w.Sequence); ok {
			return v, true
		}
	}
	return Version{}, false
}

// Cursor walks what both generations hold of one sort of keys, in their order.
type Cursor struct {
	view   *View
	under  string // precedes the keys in the overlay's names
	prefix string // of the names walked
	at     [2]struct {
		named
		ok bool
	}
	found []Version
}

// Walk begins a walk of the keys under Floors, Answers or a Space that begin with prefix, at from, or behind it if past.
func (w *View) Walk(under string, prefix, from []byte, past bool) *Cursor {
	c := &Cursor{view: w, under: under, prefix: under + string(prefix)}
	for i, g := range w.newestFirst() {
		c.at[i].named, c.at[i].ok = g.next(c.prefix, under+string(from), past, w.Sequence)
	}
	return c
}

// Key gives the key that the cursor is at; ok is false at the end.
func (c *Cursor) Key() (key string, ok bool) {
	for i := range c.at {
		if at := &c.at[i]; at.ok {
			if k := strings.TrimPrefix(at.name, c.under); !ok || k < key {
				key, ok = k, true
			}
		}
	}
	return key, ok
}

// Take gives the versions of a key, the newest first, and goes on if the cursor was at it. They are the caller's until the next
// call.
func (c *Cursor) Take(key string) []Version {
	c.found = c.found[:0]
	name := c.under + key
	for i, g := range c.view.newestFirst() {
		if at := &c.at[i]; at.ok && at.name == name {
			c.found = append(c.found, at.Version)
			at.named, at.ok = g.next(c.prefix, name, true, c.view.Sequence)
		}
	}
	return c.found
}
