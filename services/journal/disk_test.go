package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/storage/history"
)

// smallDisk mounts a file system of a few megabytes.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip("SKIPPED: a small file system can't be mounted (not root?):", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A full disk kills the journal, loudly and for good (R8); what was acknowledged is there after a restart with room.
func TestJournal_DiskFull(t *testing.T) {
	ctx := journaltest.Within(t, 60*time.Second)
	dir := smallDisk(t, "6m")
	j := New(Config{Host: "b", Dir: filepath.Join(dir, "journal"), Patience: time.Second})
	if err := j.Open(ctx); err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	l := NewLog(j, history.Mark{})
	if err := l.Fence(ctx, Fence{Term: Term{7, 1}, Host: "b"}); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	var acked history.Mark
	var err error
	began := time.Now()
	for range 1000 {
		e := journaltest.Chain(t, l.End(), 7, 20, string(make([]byte, 4000)))
		if err = l.Append(ctx, e, l.End().Position); err != nil {
			break
		}
		acked, began = journaltest.End(e), time.Now()
	}
	if !errors.Is(err, ErrStuck) {
		t.Fatal(err)
	}
	t.Logf("%v after %v: %v", acked.Position, time.Since(began), err)
	select {
	case <-j.Dead():
	default:
		t.Fatal("not dead")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(ctx, journaltest.Chain(t, acked, 7, 1, "x"), acked.Position); err == nil {
		t.Fatal("a dead journal takes writes again")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again := New(Config{Host: "b", Dir: filepath.Join(dir, "journal"), Patience: time.Second})
	if err := again.Open(ctx); err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	l = NewLog(again, history.Mark{})
	if err := l.Read(ctx); err != nil {
		t.Fatal(err)
	}
	l.View(func(tail *Tail) {
		if d, ok := tail.DigestAt(acked.Position.Sequence); !ok || d != acked.Digest {
			t.Fatalf("acknowledged %v is not there; the journal ends at %v", acked.Position, tail.End().Position)
		}
	})
	if err := l.Fence(ctx, Fence{Term: Term{7, 2}, Host: "b"}); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(ctx, journaltest.Chain(t, l.End(), 7, 1, "x"), l.End().Position); err != nil {
		t.Fatal(err)
	}
}
