package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/place"
)

// listed gives the names in a directory.
func listed(tb testing.TB, dir string) []string {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// opens fails unless a directory holds a whole host.
func opens(tb testing.TB, dir string) {
	tb.Helper()
	own, err := facts.Open(dir, "a")
	if err != nil {
		tb.Fatal(err)
	}
	store, err := storage.Open(dir, storage.Options{Host: "a", Identity: own.Get().Identity})
	if err != nil {
		tb.Fatal(err)
	}
	if err := errors.Join(store.Check(context.Background()), store.Close()); err != nil {
		tb.Error(err)
	}
	if store.Created() {
		tb.Error("it was made anew")
	}
}

// TestFault_B10_RestoreBuildsInside: the data directory of a host is often a file system of its own, or the only place that
// its user may write to. A restore replaced the directory by another one: that fails on a mount point and below a parent
// of root, and puts a directory where a symbolic link was.
func TestFault_B10_RestoreBuildsInside(t *testing.T) {
	s := newSource(t)
	s.grow(50)
	s.flush()
	file := write(t, s.back(func() {}))
	for name, used := range map[string]bool{"empty": false, "used": true} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			dir, link := filepath.Join(parent, "disk"), filepath.Join(parent, "link")
			if err := errors.Join(os.MkdirAll(filepath.Join(dir, "lost+found"), 0o700), os.Symlink("disk", link)); err != nil {
				t.Fatal(err)
			}
			if used {
				if err := os.WriteFile(filepath.Join(dir, "precious"), []byte("x"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			before, err := os.Stat(dir)
			if err != nil {
				t.Fatal(err)
			}
			r, err := Restore(t.Context(), RestoreConfig{File: file, Proof: ours, Dir: link, Host: "a", MoveAway: used})
			if err != nil {
				t.Fatal(err)
			}
			if after, err := os.Stat(dir); err != nil || !os.SameFile(before, after) {
				t.Errorf("the directory was replaced (%v)", err)
			}
			if is, err := os.Readlink(link); err != nil || is != "disk" {
				t.Errorf("the symbolic link is %q (%v)", is, err)
			}
			if names := listed(t, parent); len(names) != 2 {
				t.Errorf("beside the directory there are %v", names)
			}
			if _, err := os.Stat(filepath.Join(dir, "lost+found")); err != nil {
				t.Error(err)
			}
			if used {
				if content, err := os.ReadFile(filepath.Join(r.Moved, "precious")); err != nil || string(content) != "x" {
					t.Errorf("what was there is not in %s: %v", r.Moved, err)
				}
			}
			opens(t, dir)
		})
	}
	dangling := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("nowhere", dangling); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), RestoreConfig{File: file, Proof: ours, Dir: dangling, Host: "a"}); err == nil {
		t.Error("a symbolic link to nothing is restored to")
	}
	if _, err := os.Readlink(dangling); err != nil {
		t.Errorf("the symbolic link is gone: %v", err)
	}
}

// TestFault_B10_RefusedRestoreLeavesNothing: one that was refused left a lock file, and directories that it had made.
func TestFault_B10_RefusedRestoreLeavesNothing(t *testing.T) {
	s := newSource(t)
	s.grow(50)
	s.flush()
	bad := write(t, append(s.back(func() {}), 'x'))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "precious"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), RestoreConfig{File: bad, Proof: ours, Dir: dir, Host: "a", MoveAway: true}); !errors.Is(err, ErrDamaged) {
		t.Fatalf("from a damaged file: %v", err)
	}
	if names := listed(t, dir); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
	parent := t.TempDir()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	good := write(t, s.back(func() {}))
	if _, err := Restore(ended, RestoreConfig{File: good, Proof: ours, Dir: filepath.Join(parent, "new", "data"), Host: "a"}); err == nil {
		t.Fatal("a restore that was told to end succeeds")
	}
	if names := listed(t, parent); len(names) != 0 {
		t.Errorf("left behind: %v", names)
	}
}

// TestFault_A16_RestoreKeepsTheLock: a restore let go of the directory's lock after its first look, so a host could start there
// while it was built, and was moved away under it.
func TestFault_A16_RestoreKeepsTheLock(t *testing.T) {
	s := newSource(t)
	s.grow(50)
	s.flush()
	file := write(t, s.back(func() {}))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "precious"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	asked := 0
	_, err := Restore(t.Context(), RestoreConfig{File: file, Proof: ours, Dir: dir, Host: "a", MoveAway: true, Progress: func(what string, _ float64) {
		asked++
		if _, err := storage.HoldDirectory(dir); !errors.Is(err, storage.ErrLocked) {
			t.Errorf("during %s the directory is to be had: %v", what, err)
		}
	}})
	if err != nil || asked == 0 {
		t.Fatal(asked, err)
	}
	opens(t, dir)
}

// TestFault_B10_RestoreCutOffAtEachStep: a crash at any step of a restore leaves what was there, or what was restored, never a
// mixture that a host starts on, nor an empty directory in which it begins anew without a word. The next start says what is
// where, the next restore goes through, and what was there before is kept.
func TestFault_B10_RestoreCutOffAtEachStep(t *testing.T) {
	s := newSource(t)
	s.grow(50)
	s.flush()
	file := write(t, s.back(func() {}))
	steps := 0
	for cut := 0; ; cut++ {
		dir := t.TempDir()
		old := []string{"facts.json", "precious", "hotpair.db"}
		for _, name := range old {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("old "+name), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		taken, step := 0, ""
		_, err := Restore(t.Context(), RestoreConfig{File: file, Proof: ours, Dir: dir, Host: "a", MoveAway: true, cutOff: func(name string) error {
			if taken++; taken > cut {
				step = name
				return errCutOff
			}
			return nil
		}})
		if err == nil {
			steps = taken
			opens(t, dir)
			break
		}
		if !errors.Is(err, errCutOff) {
			t.Fatalf("cut off at %s: %v", step, err)
		}
		content, _ := os.ReadFile(filepath.Join(dir, "facts.json"))
		_, opened := facts.Open(dir, "a")
		store, stored := storage.Open(dir, storage.Options{Host: "a"})
		switch {
		case string(content) == "old facts.json" && cut == 0: // nothing has begun
		case opened == nil && stored == nil:
			if err := store.Close(); err != nil {
				t.Error(err)
			}
			opens(t, dir)
		case !errors.Is(opened, place.ErrUnfinished) || !errors.Is(stored, place.ErrUnfinished):
			t.Errorf("cut off at %s it starts with: %v; %v", step, opened, stored)
		}
		if _, err := Restore(t.Context(), RestoreConfig{File: file, Proof: ours, Dir: dir, Host: "a", MoveAway: true}); err != nil {
			t.Fatalf("again, after it was cut off at %s: %v", step, err)
		}
		opens(t, dir)
		for _, name := range old {
			kept, err := filepath.Glob(filepath.Join(dir, "before-*", name))
			found := false
			for _, path := range kept {
				content, err := os.ReadFile(path)
				found = found || err == nil && string(content) == "old "+name
			}
			if err != nil || !found {
				t.Errorf("cut off at %s, %s of before is gone (%v)", step, name, err)
			}
		}
	}
	if steps < 9 { // begin, note, three used, two in, done, tidied
		t.Errorf("it has %d steps only", steps)
	}
}

// TestFault_C15_NoRegularFile: a pipe that nobody writes to was waited for, deaf to SIGTERM; it is refused at once, as is
// whatever else can't be read twice. A file that is long is read only for as long as somebody waits.
func TestFault_C15_NoRegularFile(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, "/dev/zero"} {
		if _, err := Check(t.Context(), path, ours, nil); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v", path, err)
		}
	}
	s := newSource(t)
	s.grow(5)
	s.flush()
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := Check(ended, write(t, s.back(func() {})), ours, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}
