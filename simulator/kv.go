package simulator

import (
	"fmt"
	"math/rand/v2"

	"github.com/hotpair/hotpair/bus"
)

// keysEach is the most keys of a client: enough for reading them back to prove something, few enough that each is
// written repeatedly, which reveals an update that took effect twice.
const keysEach = 500

// kv is the script of one client of service kv. It is the only writer of its keys, and every value is new and larger
// than all before it.
type kv struct {
	prefix string
	random *rand.Rand
	ids    *ids // nil: writes have no ids, and only puts are made
	wrongs *findings

	keys  []*kvKey
	value uint64
	last  kvCall
}

// kvKey is what a key must contain.
type kvKey struct {
	name     string
	value    string // "" when absent
	revision uint64
	maybe    *kvState // possible effects of an unsettled call; the key is not written again
}

type kvState struct{ value string }

type kvCall struct {
	operation string
	key       *kvKey
	value     string
}

type kvBody struct {
	Key      string  `json:"key"`
	Value    string  `json:"value,omitempty"`
	Revision *uint64 `json:"revision,omitempty"`
}

type kvAnswer struct {
	Value    string `json:"value"`
	Revision uint64 `json:"revision"`
}

func newKV(prefix string, random *rand.Rand, ids *ids, wrongs *findings) *kv {
	return &kv{prefix: prefix, random: random, ids: ids, wrongs: wrongs}
}

func (s *kv) next() call {
	s.last = kvCall{operation: "put", key: s.pick()}
	if s.ids != nil {
		s.last.operation = s.choose(s.last.key)
	}
	body := kvBody{Key: s.last.key.name}
	switch s.last.operation {
	case "put", "cas":
		s.value++
		s.last.value = fmt.Sprintf("value-%012d", s.value)
		body.Value = s.last.value
		if s.last.operation == "cas" {
			revision := s.last.key.revision
			body.Revision = &revision
		}
	}
	c := call{service: "kv", operation: s.last.operation, body: encode(body)}
	if s.ids != nil && s.last.operation != "get" {
		c.id = s.ids.next()
	}
	return c
}

// pick returns a new key while there may be more, otherwise an existing one.
func (s *kv) pick() *kvKey {
	for range 10 {
		if len(s.keys) < keysEach && (len(s.keys) == 0 || s.random.IntN(8) == 0) {
			break
		}
		if key := s.keys[s.random.IntN(len(s.keys))]; key.maybe == nil {
			return key
		}
	}
	key := &kvKey{name: fmt.Sprintf("%s%d", s.prefix, len(s.keys))}
	s.keys = append(s.keys, key)
	return key
}

func (s *kv) choose(key *kvKey) string {
	switch n := s.random.IntN(100); {
	case n < 45:
		return "put"
	case n < 70:
		return "cas"
	case n < 95 || key.revision == 0:
		return "get"
	default:
		return "delete"
	}
}

func (s *kv) settled(a answer) {
	key := s.last.key
	if s.last.operation == "get" {
		s.compare(key, a, stale)
		return
	}
	switch {
	case a.code == bus.CodeConflict && s.last.operation == "cas":
		s.wrongs.add(doubled, "cas of %s at revision %d: %s, though nobody else writes it", key.name, key.revision, a)
		return
	case a.code == bus.CodeAbsent && s.last.operation == "delete":
		s.wrongs.add(missing, "delete of %s, which was acknowledged at revision %d: %s", key.name, key.revision, a)
		key.value, key.revision = "", 0
		return
	case !a.ok():
		return // refused, so without effect; the next read of the key proves it
	}
	if s.last.operation == "delete" {
		key.value, key.revision = "", 0
		return
	}
	var got kvAnswer
	if err := a.decode(&got); err != nil {
		s.wrongs.add(wrong, "%s of %s: %v", s.last.operation, key.name, err)
		return
	}
	if got.Revision <= key.revision {
		s.wrongs.add(wrong, "%s of %s at revision %d got revision %d", s.last.operation, key.name, key.revision, got.Revision)
	}
	if a.position.Sequence != got.Revision {
		s.wrongs.add(wrong, "%s of %s: revision %d at position %s", s.last.operation, key.name, got.Revision, a.position)
	}
	key.value, key.revision = s.last.value, got.Revision
}

func (s *kv) doubtful() {
	if s.last.operation != "get" {
		s.last.key.maybe = &kvState{value: s.last.value}
	}
}

// compare judges a read of a key. less is the kind of finding for an acknowledged value that is not shown.
func (s *kv) compare(key *kvKey, a answer, less kind) {
	var got kvAnswer
	switch {
	case a.code == bus.CodeAbsent:
	case !a.ok():
		return // no answer proves nothing; the caller counts it
	default:
		if err := a.decode(&got); err != nil {
			s.wrongs.add(wrong, "get of %s: %v", key.name, err)
			return
		}
	}
	switch {
	case key.maybe != nil && got.Value == key.maybe.value:
	case got.Value == key.value && got.Revision == key.revision:
	case got.Value == key.value:
		s.wrongs.add(doubled, "%s has %q at revision %d, acknowledged at revision %d", key.name, got.Value, got.Revision, key.revision)
	case got.Value < key.value && got.Revision > key.revision:
		s.wrongs.add(doubled, "%s has the earlier value %q again, at revision %d, after %q was acknowledged at revision %d", key.name, got.Value, got.Revision, key.value, key.revision)
	case got.Value < key.value:
		s.wrongs.add(less, "%s has %q at revision %d, acknowledged was %q at revision %d", key.name, got.Value, got.Revision, key.value, key.revision)
	default:
		s.wrongs.add(doubled, "%s has %q at revision %d, which was refused or deleted; acknowledged was %q at revision %d", key.name, got.Value, got.Revision, key.value, key.revision)
	}
}

func (s *kv) checks() []check {
	var list []check
	for _, key := range s.keys {
		list = append(list, check{
			call:  call{service: "kv", operation: "get", body: encode(kvBody{Key: key.name})},
			judge: func(a answer) { s.compare(key, a, missing) },
		})
	}
	return list
}
