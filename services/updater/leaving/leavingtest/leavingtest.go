// Package leavingtest has outboxes for tests: one in memory, and updates of a real store.
package leavingtest

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// Space is an outbox in memory: a leaving.State and a leaving.Reader.
type Space struct {
	Items           map[string]storage.Item
	Epoch, Sequence uint64 // of the last update
	// Strict refuses an update that takes a key away which is not there.
	Strict bool
}

// NewSpace is empty.
func NewSpace() *Space {
	return &Space{Items: map[string]storage.Item{}, Epoch: 1, Sequence: 100}
}

// Left implements leaving.State.
func (s *Space) Left(key []byte) ([]byte, uint64, error) {
	it := s.Items[string(key)]
	return it.Value, it.Revision, it.Err
}

// Damage makes the value of a key one that is damaged, if it is there.
func (s *Space) Damage(key string) {
	if it, ok := s.Items[key]; ok {
		s.Items[key] = storage.Item{Key: it.Key, Revision: it.Revision, Err: fmt.Errorf("%w: checksum of key %q", storage.ErrDamaged, key)}
	}
}

// Look implements leaving.Reader.
func (s *Space) Look(_ string, key []byte) ([]byte, uint64, error) { return s.Left(key) }

// Each implements leaving.Reader.
func (s *Space) Each(_ string, prefix, after []byte) iter.Seq[storage.Item] {
	return func(yield func(storage.Item) bool) {
		for _, key := range slices.Sorted(maps.Keys(s.Items)) {
			if strings.HasPrefix(key, string(prefix)) && key > string(after) && !yield(s.Items[key]) {
				return
			}
		}
	}
}

// Update makes the changes of one update, if it is not refused. Where it stands is filled in.
func (s *Space) Update(u leaving.Update, change func(*leaving.Set) error) error {
	u.Position = position.Position{Epoch: s.Epoch, Sequence: s.Sequence + 1}
	set := leaving.New(s, u)
	if err := change(set); err != nil {
		return err
	}
	s.Sequence++
	for _, f := range set.Effects() {
		if !f.Delete {
			s.Items[string(f.Key)] = storage.Item{Key: f.Key, Value: f.Value, Revision: s.Sequence}
			continue
		}
		if _, ok := s.Items[string(f.Key)]; !ok && s.Strict {
			return fmt.Errorf("%q is deleted but does not exist", f.Key)
		}
		delete(s.Items, string(f.Key))
	}
	return nil
}

// Commit commits to a store, in epoch 1, what is worked out from the committed state, and gives what it committed: nothing when nothing has
// changed. Where the update stands is filled in.
func Commit(store *storage.Store, u leaving.Update, change func(*leaving.Set) error) ([]history.Stored, error) {
	end := store.Committed()
	u.Position = position.Position{Epoch: 1, Sequence: end.Position.Sequence + 1}
	var effects []history.Effect
	err := store.View(func(r *storage.Reader) error {
		set := leaving.New(leaving.Committed{Reader: r}, u)
		err := change(set)
		effects = set.Effects()
		return err
	})
	if err != nil || len(effects) == 0 {
		return nil, err
	}
	e, err := history.NewStored(end.Digest, history.Entry{Position: u.Position, Kind: history.KindUpdate, Time: u.Time, Space: "kv", Outbox: effects})
	if err == nil {
		err = store.Commit(e)
	}
	return []history.Stored{e}, err
}
