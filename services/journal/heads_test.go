package journal

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
)

// TestLog_JournalReachesBackBehindADamagedHead: bolt whose newer head is damaged opens as it was one transaction ago. The
// journal must go on from there, however much it has given up.
func TestLog_JournalReachesBackBehindADamagedHead(t *testing.T) {
	ctx := journaltest.Within(t, time.Minute)
	dir := filepath.Join(t.TempDir(), "db")
	store, err := storage.Open(dir, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	j := openJournal(t, Config{})
	l := NewLog(j, store.Applied())
	if err := l.Fence(ctx, Fence{Term: Term{Epoch: 1, Session: 1}, Host: "b"}); err != nil {
		t.Fatal(err)
	}
	// Each flush covers more messages than a purge waits for.
	flush := func() history.Mark {
		t.Helper()
		for _, part := range slices.Collect(slices.Chunk(journaltest.Chain(t, l.End(), 1, purgeStep+100, "x"), 1)) {
			if err := errors.Join(l.Append(ctx, part, store.Committed().Position), store.Commit(part...)); err != nil {
				t.Fatal(err)
			}
		}
		mark, err := store.Flush(ctx)
		if err == nil {
			err = l.Applied(ctx, mark)
		}
		if err != nil {
			t.Fatal(err)
		}
		return mark
	}
	first := flush()
	flush()
	end := flush()
	info, err := j.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if info.First <= first.Position.Sequence {
		t.Errorf("the journal begins at %d: nothing was given up, so the test shows nothing", info.First)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}

	damageNewerHead(t, filepath.Join(dir, storage.DatabaseName))
	if store, err = storage.Open(dir, storage.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	base := store.Applied()
	if !base.Position.Before(end.Position) || base.Position.Before(first.Position) {
		t.Fatalf("bolt opens at %v; it was at %v", base.Position, end.Position)
	}
	again := NewLog(j, base)
	if err := again.Read(ctx); err != nil {
		t.Fatal(err)
	}
	again.View(func(tail *Tail) {
		if tail.Broken() != nil || tail.End() != end {
			t.Errorf("from %v the journal goes to %v, not to %v: %v", base.Position, tail.End().Position, end.Position, tail.Broken())
		}
	})
}

// damageNewerHead spoils the head of bolt's last transaction, as a write that was cut short does.
func damageNewerHead(t *testing.T, path string) {
	t.Helper()
	const transaction = 16 + 48 // in the page of a head
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var at int64
	var newest uint64
	for head := range int64(2) {
		var number [8]byte
		if _, err := f.ReadAt(number[:], head*int64(os.Getpagesize())+transaction); err != nil {
			t.Fatal(err)
		}
		if n := binary.NativeEndian.Uint64(number[:]); n > newest {
			newest, at = n, head*int64(os.Getpagesize())
		}
	}
	if _, err := f.WriteAt(make([]byte, 8), at+transaction); err != nil {
		t.Fatal(err)
	}
}

// TestLog_CrowdedJournalGivesUpAll: a journal that is full of what bolt has applied must be emptied without another
// flush, because none will come while it takes no frames.
func TestLog_CrowdedJournalGivesUpAll(t *testing.T) {
	ctx := journaltest.Within(t, time.Minute)
	j := openJournal(t, Config{MaxBytes: 1 << 20})
	l := NewLog(j, history.Mark{})
	if err := l.Fence(ctx, Fence{Term: Term{Epoch: 1, Session: 1}, Host: "b"}); err != nil {
		t.Fatal(err)
	}
	var full error
	var last history.Mark
	for full == nil {
		part := journaltest.Chain(t, l.End(), 1, 50, string(make([]byte, 1000)))
		if full = l.Append(ctx, part, last.Position); full == nil {
			last = journaltest.End(part)
		}
	}
	if !errors.Is(full, ErrFull) {
		t.Fatal(full)
	}
	if err := l.Applied(ctx, last); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(ctx, journaltest.Chain(t, last, 1, 50, string(make([]byte, 1000))), last.Position); err != nil {
		t.Errorf("applied, and still: %v", err)
	}
}
