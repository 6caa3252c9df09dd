package folder

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// put puts so many bytes.
func put(t *testing.T, f *Folder, name string, size int) error {
	t.Helper()
	return f.Put(t.Context(), name, int64(size), bytes.NewReader(make([]byte, size)))
}

func list(t *testing.T, f *Folder) (names []string) {
	t.Helper()
	if err := f.List(t.Context(), "hotpair-", func(name string, _ int64) { names = append(names, name) }); err != nil {
		t.Fatal(err)
	}
	return names
}

func TestFolder_HasWhatWasPut(t *testing.T) {
	dir := t.TempDir()
	f := New(dir)
	if err := errors.Join(put(t, f, "hotpair-1", 3<<20), put(t, f, "hotpair-2", 0), put(t, f, "other", 1), os.Mkdir(filepath.Join(dir, "hotpair-dir"), 0o700),
		os.Symlink("other", filepath.Join(dir, "hotpair-link"))); err != nil {
		t.Fatal(err)
	}
	if names := list(t, f); strings.Join(names, " ") != "hotpair-1 hotpair-2" {
		t.Errorf("it lists %q", names)
	}
	in, err := f.Open(t.Context(), "hotpair-1")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, in); err != nil || n != 3<<20 {
		t.Errorf("%d bytes come back, %v", n, err)
	}
	if err := errors.Join(in.Close(), f.Remove(t.Context(), "hotpair-1"), f.Remove(t.Context(), "hotpair-1")); err != nil {
		t.Error(err)
	}
	if names := list(t, f); len(names) != 1 {
		t.Errorf("it lists %q", names)
	}
	if info, err := os.Stat(filepath.Join(dir, "hotpair-2")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("it may be read by others: %v, %v", info, err)
	}
}

// TestFolder_OfAFullDiskAndOneThatIsReadOnly: real file systems that take nothing more. The error says why, nothing is left of what was begun,
// and once there is room it goes on.
func TestFolder_OfAFullDiskAndOneThatIsReadOnly(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root mounts a small file system")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("SKIPPED: no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	f := New(dir)
	if err := put(t, f, "hotpair-1", 600<<10); err != nil {
		t.Fatal(err)
	}
	if err := put(t, f, "hotpair-2", 600<<10); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full disk: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("there are %v, %v", left, err)
	}
	if err := errors.Join(f.Remove(t.Context(), "hotpair-1"), put(t, f, "hotpair-2", 600<<10)); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if err := put(t, f, "hotpair-3", 1); !errors.Is(err, syscall.EROFS) {
		t.Errorf("a read-only disk: %v", err)
	}
	if err := f.Remove(t.Context(), "hotpair-2"); !errors.Is(err, syscall.EROFS) || len(list(t, f)) != 1 {
		t.Errorf("removed from a read-only disk: %v", err)
	}
}
