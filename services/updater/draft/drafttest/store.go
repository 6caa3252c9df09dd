package drafttest

import (
	"testing"

	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// Store is a store of host a in which epoch 1 has begun, and nothing else has happened. It is closed with the test.
func Store(t testing.TB) *storage.Store {
	t.Helper()
	store, err := storage.Open(t.TempDir(), storage.Options{Host: "a", Identity: "ida", InitialMmapSize: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	began, err := history.NewStored(history.Digest{}, history.Entry{
		Position: position.Position{Epoch: 1, Sequence: 1}, Kind: history.KindBegan, Time: 1, Host: "a", Identity: "ida"})
	if err == nil {
		err = store.Commit(began)
	}
	if err != nil {
		t.Fatal(err)
	}
	return store
}
