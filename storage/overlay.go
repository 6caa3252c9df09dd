package storage

import (
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/hotpair/hotpair/storage/history"
)

// tower is the greatest height of the overlay's index; with a quarter of the names reaching each next level it is
// right for more entries than admission ever lets in.
const tower = 12

// version is what one entry made of one name.
type version struct {
	sequence uint64
	stored   *history.Stored
	// effect is the index of the effect within the entry, for data.
	effect int
	// floor is the terminal's floor from here on, for floors.
	floor uint64
}

// data gives the effect that the version is.
func (v *version) data() *history.Effect { return &v.stored.Entry.Effects[v.effect] }

// node holds all versions of one name, oldest first.
type node struct {
	name     string
	versions []version
	next     []*node
}

// at gives the newest version that a reader at a sequence may see.
func (n *node) at(sequence uint64) (version, bool) {
	for i := len(n.versions) - 1; i >= 0; i-- {
		if n.versions[i].sequence <= sequence {
			return n.versions[i], true
		}
	}
	return version{}, false
}

// table is a generation of the overlay: committed entries in order, and an ordered index (a skip list) of what they
// changed, with every version, so that a reader stays at its position while entries are added. The active generation
// grows; the frozen one is being applied and does not change. Nothing is ever removed from a table: it is dropped as a
// whole when bolt holds it, and readers that still use it keep it alive.
type table struct {
	mu      sync.RWMutex
	head    node
	random  *rand.Rand
	entries []*history.Stored
	bytes   int64
}

// newTable makes an empty generation.
func newTable() *table {
	return &table{
		head:   node{next: make([]*node, tower)},
		random: rand.New(rand.NewPCG(1, 2)), // chance only balances the index
	}
}

// add takes entries and the slice they are in. Nothing in them may be changed afterwards.
func (t *table) add(entries []history.Stored) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range entries {
		t.entries = append(t.entries, &entries[i])
		t.bytes += int64(len(entries[i].Raw))
		t.index(&entries[i])
	}
}

// index enters what one entry changes.
func (t *table) index(s *history.Stored) {
	e := &s.Entry
	v := version{sequence: e.Position.Sequence, stored: s}
	for i := range e.Effects {
		v.effect = i
		t.put(dataPrefix(e.Space)+string(e.Effects[i].Key), v)
	}
	v.effect = 0
	if floor := floorOf(e); floor > 0 {
		n := t.insert(floorName(e.Request.Terminal))
		if last := len(n.versions) - 1; last < 0 || n.versions[last].floor < floor {
			n.versions = append(n.versions, version{sequence: v.sequence, floor: floor})
		}
	}
	if e.HasAnswer {
		t.put(answerName(e.Request), v)
	}
}

// floorOf is the floor that an entry raises its terminal to, 0 for none.
func floorOf(e *history.Entry) uint64 {
	floor := e.Oldest
	if e.HasAnswer && e.Request.Counter > history.AnswerWindow {
		floor = max(floor, e.Request.Counter-history.AnswerWindow)
	}
	return floor
}

// put adds a version to a name. A second effect of one entry on the same key replaces the first.
func (t *table) put(name string, v version) {
	n := t.insert(name)
	if last := len(n.versions) - 1; last >= 0 && n.versions[last].sequence == v.sequence {
		n.versions[last] = v
		return
	}
	n.versions = append(n.versions, v)
}

// insert finds or makes the node of a name.
func (t *table) insert(name string) *node {
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
func (t *table) seek(name string) *node {
	n := &t.head
	for level := tower - 1; level >= 0; level-- {
		for next := n.next[level]; next != nil && next.name < name; next = n.next[level] {
			n = next
		}
	}
	return n.next[0]
}

// get finds what a reader at a sequence sees of a name in this generation.
func (t *table) get(name string, sequence uint64) (version, bool) {
	if t == nil {
		return version{}, false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if n := t.seek(name); n != nil && n.name == name {
		return n.at(sequence)
	}
	return version{}, false
}

// named is a version with its name.
type named struct {
	name string
	version
}

// next finds the first name with the prefix, not before from (or after it, if past), that a reader at a sequence sees.
func (t *table) next(prefix, from string, past bool, sequence uint64) (named, bool) {
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
			return named{name: n.name, version: v}, true
		}
	}
	return named{}, false
}

// size gives the number of entries and their stored bytes.
func (t *table) size() (entries int, bytes int64) {
	if t == nil {
		return 0, 0
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.entries), t.bytes
}

// slice gives the entries with sequences from…upto, as far as this generation has them.
func (t *table) slice(from, upto uint64) []*history.Stored {
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
