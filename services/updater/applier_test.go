package updater

import (
	"context"
	"testing"

	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// TestApplier_MakesRoom: admission slows when too much is committed and not applied, and goes on when it is.
func TestApplier_MakesRoom(t *testing.T) {
	store, err := storage.Open(t.TempDir(), storage.Options{Host: "a", Identity: "ida", InitialMmapSize: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	purged := make(chan history.Mark, 10)
	a := newApplier(store, 100, func(_ context.Context, m history.Mark) error { purged <- m; return nil })
	if ok, _ := a.roomy(); !ok {
		t.Error("no room in an empty store")
	}
	began, err := history.NewStored(history.Digest{}, history.Entry{Kind: history.KindBegan, Time: 1, Host: "a", Identity: string(make([]byte, 200)),
		Position: position.Position{Epoch: 1, Sequence: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Commit(began); err != nil {
		t.Fatal(err)
	}
	ok, changed := a.roomy()
	if ok {
		t.Fatalf("room with %d bytes", store.Bytes())
	}
	a.hurry() // as who waits for room does
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.run(ctx) }()
	receive(t, "room", changed)
	if m := receive(t, "the purge", purged); m != began.Mark() {
		t.Errorf("purged up to %v", m)
	}
	cancel()
	if err := receive(t, "the end", done); err != nil {
		t.Error(err)
	}
}
