// Package overlay keeps the entries that are committed and not yet applied, in memory, with every version of everything that
// they change. A reader stays at its position while entries are added, sees them at once, and waits for no disk.
//
// There are two generations: the active one grows, the frozen one is being applied. A View sees both as one, up to a
// sequence; it walks them in the order of the keys in the database file, so that a walk of the file can merge the two.
// What is only here when a process ends is in the journal.
package overlay

import (
	"math"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/hotpair/hotpair/storage/history"
)

// tower is the greatest height of the overlay's index; with a quarter of the names reaching each next level it is
// right for more entries than admission ever lets in.
const tower = 12

// Version is the effect of one entry on one name.
type Version struct {
	Sequence uint64
	stored   *history.Stored
	// effect is the one of the entry that made the version, for data.
	effect *history.Effect
	// Floor is the terminal's floor from here on, for floors.
	Floor uint64
}

// Effect returns the effect of the version.
func (v *Version) Effect() *history.Effect { return v.effect }

// Entry returns the entry that made the version; floors have none.
func (v *Version) Entry() *history.Entry { return &v.stored.Entry }

// node holds all versions of one name, oldest first.
type node struct {
	name     string
	versions []Version
	next     []*node
}

// at gives the newest version that a reader at a sequence may see.
func (n *node) at(sequence uint64) (Version, bool) {
	for i := len(n.versions) - 1; i >= 0; i-- {
		if n.versions[i].Sequence <= sequence {
			return n.versions[i], true
		}
	}
	return Version{}, false
}

// Generation is a part of the overlay: committed entries in order, and an ordered index (a skip list) of what they
// changed, with every version, so that a reader stays at its position while entries are added. The active generation
// grows; the frozen one is being applied and does not change. Nothing is ever removed from one: it is dropped as a
// whole when bolt holds it, and readers that still use it keep it alive.
type Generation struct {
	mu      sync.RWMutex
	head    node
	random  *rand.Rand
	entries []*history.Stored
	bytes   int64
}

// New returns an empty generation.
func New() *Generation {
	return &Generation{
		head:   node{next: make([]*node, tower)},
		random: rand.New(rand.NewPCG(1, 2)), // chance only balances the index
	}
}

// Add takes entries and the slice they are in. Nothing in them may be changed afterwards.
func (t *Generation) Add(entries []history.Stored) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range entries {
		t.entries = append(t.entries, &entries[i])
		t.bytes += int64(len(entries[i].Raw))
		t.index(&entries[i])
	}
}

// index enters what one entry changes.
func (t *Generation) index(s *history.Stored) {
	e := &s.Entry
	v := Version{Sequence: e.Position.Sequence, stored: s}
	for space, f := range e.Changes() {
		v.effect = f
		t.put(Space(space)+string(f.Key), v)
	}
	v.effect = nil
	if floor := e.Floor(); floor > 0 {
		n := t.insert(floorName(e.Request.Terminal))
		if last := len(n.versions) - 1; last < 0 || n.versions[last].Floor < floor {
			n.versions = append(n.versions, Version{Sequence: v.Sequence, Floor: floor})
		}
	}
	if e.HasAnswer {
		t.put(answerName(e.Request), v)
	}
}

// put adds a version to a name. A second effect of one entry on the same key replaces the first.
func (t *Generation) put(name string, v Version) {
	n := t.insert(name)
	if last := len(n.versions) - 1; last >= 0 && n.versions[last].Sequence == v.Sequence {
		n.versions[last] = v
		return
	}
	n.versions = append(n.versions, v)
}

// insert finds or makes the node of a name.
func (t *Generation) insert(name string) *node {
	var path [tower]*node
	n := &t.head
	for level := tower - 1; level >= 0; level-- {
		for next := n.next[level]; next != nil && next.name < name; next = n.next[level] {
			n = next
		}
		path[level] = n
	}
	if found := n.next[0]; found != nil && found.name == name {
		return found
	}
	height := 1
	for height < tower && t.random.Uint32()%4 == 0 {
		height++
	}
	made := &node{name: name, next: make([]*node, height)}
	for level := range made.next {
		made.next[level], path[level].next[level] = path[level].next[level], made
	}
	return made
}

// seek finds the first node whose name is not before name.
func (t *Generation) seek(name string) *node {
	n := &t.head
	for level := tower - 1; level >= 0; level-- {
		for next := n.next[level]; next != nil && next.name < name; next = n.next[level] {
			n = next
		}
	}
	return n.next[0]
}

// get finds what a reader at a sequence sees of a name in this generation.
func (t *Generation) get(name string, sequence uint64) (Version, bool) {
	if t == nil {
		return Version{}, false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if n := t.seek(name); n != nil && n.name == name {
		return n.at(sequence)
	}
	return Version{}, false
}

// named is a version with its name.
type named struct {
	name string
	Version
}

// next finds the first name with the prefix, not before from (or after it, if past), that a reader at a sequence sees.
func (t *Generation) next(prefix, from string, past bool, sequence uint64) (named, bool) {
	if t == nil {
		return named{}, false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	for n := t.seek(from); n != nil && strings.HasPrefix(n.name, prefix); n = n.next[0] {
		if past && n.name == from {
			continue
		}
		if v, ok := n.at(sequence); ok {
			return named{name: n.name, Version: v}, true
		}
	}
	return named{}, false
}

// Size returns the number of entries and their stored bytes.
func (t *Generation) Size() (entries int, bytes int64) {
	if t == nil {
		return 0, 0
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.entries), t.bytes
}

// slice gives the entries with sequences from…upto, as far as this generation has them.
func (t *Generation) slice(from, upto uint64) []*history.Stored {
	if t == nil {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if len(t.entries) == 0 {
		return nil
	}
	first := t.entries[0].Entry.Position.Sequence
	last := min(upto, first+uint64(len(t.entries))-1)
	from = max(from, first)
	if from > last {
		return nil
	}
	return t.entries[from-first : last-first+1 : last-first+1]
}

// Spaces lists the key spaces whose keys it holds.
func (t *Generation) Spaces() (spaces []string) {
	data := string(rune(tagData))
	for from := data; ; {
		n, ok := t.next(data, from, false, math.MaxUint64)
		if !ok {
			return spaces
		}
		space, _ := splitDataName(n.name)
		spaces = append(spaces, space)
		behind := []byte(Space(space)) // of all its keys
		behind[len(behind)-1]++
		from = string(behind)
	}
}

// Applier receives the changes that a generation makes to a database.
type Applier interface {
	// Raise takes the floor of a terminal.
	Raise(terminal string, floor uint64) error
	// Record takes an entry with an answer.
	Record(e *history.Entry) error
	// Put takes the last effect on a key, and the sequence of its entry.
	Put(space, key string, effect *history.Effect, sequence uint64) error
}

// Apply passes on the newest version of everything: floors first, then answers, then keys, one space after the other.
// So an answer that is already below its terminal's floor is known to be. Nothing may be added meanwhile.
func (t *Generation) Apply(to Applier) error {
	for n := t.head.next[0]; n != nil; n = n.next[0] {
		v, err := n.versions[len(n.versions)-1], error(nil)
		switch n.name[0] {
		case tagFloor:
			err = to.Raise(n.name[1:], v.Floor)
		case tagAnswer:
			err = to.Record(&v.stored.Entry)
		case tagData:
			space, key := splitDataName(n.name)
			err = to.Put(space, key, v.Effect(), v.Sequence)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Empty reports whether it holds no entry.
func (t *Generation) Empty() bool {
	entries, _ := t.Size()
	return entries == 0
}

// Entries returns its entries, in order. Nothing may be added meanwhile.
func (t *Generation) Entries() []*history.Stored { return t.entries }
