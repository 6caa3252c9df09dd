package journal

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/storage/history"
)

// fill makes a journal of n frames of three entries, closes it and gives the entries.
func fill(t *testing.T, dir string, n int) []history.Stored {
	t.Helper()
	ctx := journaltest.Within(t, 30*time.Second)
	j := New(Config{Host: "b", Dir: dir})
	if err := j.Open(ctx); err != nil {
		t.Fatal(err)
	}
	l := NewLog(j, history.Mark{})
	if err := l.Fence(ctx, Fence{Term: Term{7, 1}, Host: "b"}); err != nil {
		t.Fatal(err)
	}
	var all []history.Stored
	for range n {
		e := journaltest.Chain(t, l.End(), 7, 3, "text")
		if err := l.Append(ctx, e, l.End().Position); err != nil {
			t.Fatal(err)
		}
		all = append(all, e...)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

// blocks gives the stream's data files, and removes what the server would rather believe than them.
func blocks(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "stream", "jetstream", "*", "streams", "*", "msgs", "*"))
	if err != nil || len(found) == 0 {
		t.Fatal(found, err)
	}
	var data []string
	for _, f := range found {
		if filepath.Ext(f) == ".blk" {
			data = append(data, f)
		} else if err := os.RemoveAll(f); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(data)
	return data
}

// A journal that was damaged on disk is found by position and digest: whatever the server makes of it, the tail ends with
// something that was there, and never with something else.
func TestLog_DamageIsFound(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string, size int64){
		"truncated": func(t *testing.T, path string, size int64) {
			if err := os.Truncate(path, size*2/3); err != nil {
				t.Fatal(err)
			}
		},
		"altered": func(t *testing.T, path string, size int64) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte("damage damage damage"), size/2); err != nil {
				t.Fatal(err)
			}
		},
		"emptied": func(t *testing.T, path string, size int64) {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		},
		"removed": func(t *testing.T, path string, size int64) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			all := fill(t, dir, 40)
			path := blocks(t, dir)[0]
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			damage(t, path, info.Size())
			ctx := journaltest.Within(t, 20*time.Second)
			j := openJournal(t, Config{Host: "b", Dir: dir, Logger: journaltest.Logger(t, "b")})
			l := NewLog(j, history.Mark{})
			if err := l.Read(ctx); err != nil {
				t.Fatal(err)
			}
			end := l.End()
			if n := end.Position.Sequence; n >= uint64(len(all)) || n > 0 && end != all[n-1].Mark() {
				t.Fatalf("ends at %v", end.Position)
			}
			var broken error
			l.View(func(tail *Tail) { broken = tail.Broken() })
			at, err := j.Info(ctx)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("ends at %v, broken: %v, stream %d to %d, recreated %v", end.Position, broken, at.First, at.Last, at.Recreated)
			if broken == nil && !at.Recreated {
				t.Error("nothing says that the journal lacks something")
			}
			// It goes on from there, and a restart agrees.
			if err := l.Fence(ctx, Fence{Term: Term{8, 1}, Host: "b"}); err != nil {
				t.Fatal(err)
			}
			if err := l.Heal(ctx); err != nil {
				t.Fatal(err)
			}
			if err := l.Append(ctx, journaltest.Chain(t, end, 8, 4, "after"), end.Position); err != nil {
				t.Fatal(err)
			}
			again := NewLog(j, history.Mark{})
			if err := again.Read(ctx); err != nil {
				t.Fatal(err)
			}
			again.View(func(tail *Tail) { broken = tail.Broken() })
			if again.End() != l.End() || broken != nil {
				t.Fatal(again.End().Position, l.End().Position, broken)
			}
		})
	}
}
