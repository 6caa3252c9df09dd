// Package leaving collects what an update changes in the pair's outbox: the key space of what services leave to be done.
//
// Each kind of thing that can be left has a package that says which keys it has: schedule for timers, and so on. They all read the outbox
// as the updates before leave it, and put what they change into one [Set], which becomes a part of the update.
package leaving

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/timers"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// Errors that say why an update is refused. Those that are none of these are faults: what is stored can't be read.
var (
	// ErrGone says that the entry to be changed has gone or has changed meanwhile.
	ErrGone = errors.New("has changed meanwhile")
	// ErrTooMany says that a bound is reached.
	ErrTooMany = errors.New("no room for more")
	// ErrAbsent says that a named thing does not exist.
	ErrAbsent = errors.New("does not exist")
	// ErrOverloaded says that a bound is reached for a moment.
	ErrOverloaded = errors.New("no room at the moment")
)

// Code is the code of the reply for an error.
func Code(err error) int {
	switch {
	case errors.Is(err, timers.ErrMoved), errors.Is(err, ErrGone):
		return bus.CodeTooOld
	case errors.Is(err, ErrTooMany):
		return bus.CodeTooLarge
	case errors.Is(err, ErrAbsent):
		return bus.CodeAbsent
	case errors.Is(err, ErrOverloaded):
		return bus.CodeOverloaded
	}
	return bus.CodeFault
}

// State is the outbox after the preceding updates, committed or in the frame. Its values are as of a [Getter].
type State interface {
	Left(key []byte) (value []byte, revision uint64, err error)
}

// Update is the update that changes are part of.
type Update struct {
	Position position.Position
	Time     int64 // of the pair, in Unix nanoseconds
	Stamp    timers.Stamp
	Wall     int64 // what the wall clock says, in Unix nanoseconds
}

// Number is that of a thing which the update leaves.
func (u Update) Number(index uint32) position.Number {
	return position.Number{Epoch: u.Position.Epoch, Sequence: u.Position.Sequence, Index: index}
}

// Orders are the pair's own changes of the outbox: an update of no service.
type Orders interface {
	// Change puts the changes into a set, or says what refuses them.
	Change(s *Set) error
	// Size is what they come to in an entry, in bytes, amply.
	Size() int
}

// MaxWhy bounds a sentence that is kept in the outbox, in bytes.
const MaxWhy = 512

// Short bounds a sentence.
func Short(why string) string {
	return strings.ToValidUTF8(why[:min(len(why), MaxWhy)], "")
}

// Set is an update in the making.
type Set struct {
	Update Update
	state  State
	left   map[string]history.Effect
}

// New begins a set.
func New(s State, u Update) *Set {
	return &Set{Update: u, state: s, left: map[string]history.Effect{}}
}

// Put writes a key.
func (s *Set) Put(key, value []byte) {
	s.left[string(key)] = history.Effect{Key: key, Value: value}
}

// Remove takes a key away that is there, or that the set has put.
func (s *Set) Remove(key []byte) {
	s.left[string(key)] = history.Effect{Key: key, Delete: true}
}

// Drop takes a key away if it is there.
func (s *Set) Drop(key []byte) {
	if s.Has(key) {
		s.Remove(key)
	}
}

// Get implements Getter: a key as the set leaves it.
func (s *Set) Get(key []byte) (value []byte, revision uint64, err error) {
	if f, here := s.left[string(key)]; here {
		if f.Delete {
			return nil, 0, nil
		}
		return f.Value, s.Update.Position.Sequence, nil
	}
	return s.state.Left(key)
}

// Has reports whether a key is there, whatever its value.
func (s *Set) Has(key []byte) bool {
	_, revision, _ := s.Get(key)
	return revision != 0
}

// Effects gives what has changed, in the order of keys.
func (s *Set) Effects() []history.Effect {
	list := make([]history.Effect, 0, len(s.left))
	for _, key := range slices.Sorted(maps.Keys(s.left)) {
		list = append(list, s.left[key])
	}
	return list
}
