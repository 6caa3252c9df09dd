package drafttest

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// Store is a store of host a in which epoch 1 has begun, and nothing else has happened. It is closed with the test.
func Store(t testing.TB) *storage.Store {
	t.Helper()
	return StoreIn(t, t.TempDir())
}

// StoreIn is that in a directory.
func StoreIn(t testing.TB, dir string) *storage.Store {
	t.Helper()
	store, err := storage.Open(dir, storage.Options{Host: "a", Identity: "ida", InitialMmapSize: 1 << 24})
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

// Damage flips a bit wherever a text stands in the database file of a store that is in a directory, as a disk might. The store sees it at
// once: it has the file mapped.
func Damage(t testing.TB, store *storage.Store, dir, text string) {
	t.Helper()
	if _, err := store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(filepath.Join(dir, storage.DatabaseName), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for at := bytes.Index(content, []byte(text)); at >= 0; at = bytes.Index(content, []byte(text)) {
		content[at] ^= 1
		if _, err := file.WriteAt(content[at:at+1], int64(at)); err != nil {
			t.Fatal(err)
		}
		found++
	}
	if found == 0 {
		t.Fatalf("%q is nowhere in the file", text)
	}
}
