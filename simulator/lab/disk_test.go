package lab

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// newDisk mounts a faulty disk for a test.
func newDisk(t testing.TB) *Disk {
	t.Helper()
	needLab(t)
	d, err := NewDisk(t.TempDir(), t.TempDir())
	if errors.Is(err, ErrUnavailable) {
		t.Skipf("SKIPPED, NOTHING OF THIS WAS TRIED: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// TestDisk_FillsFailsAndHeals shows that the faults are met by who uses the disk, and end.
func TestDisk_FillsFailsAndHeals(t *testing.T) {
	d := newDisk(t)
	f, err := os.Create(filepath.Join(d.Path(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write := func() error {
		_, err := f.Write([]byte("text"))
		return errors.Join(err, f.Sync())
	}
	for name, test := range map[string]struct {
		fault func()
		want  error
	}{
		"whole":      {func() {}, nil},
		"full":       {func() { d.Fill(true) }, syscall.ENOSPC},
		"fsync":      {func() { d.FailSync(true) }, syscall.EIO},
		"slow":       {func() { d.Slow(20 * time.Millisecond) }, nil},
		"and repair": {d.Repair, nil},
	} {
		d.Repair()
		test.fault()
		if err := write(); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	if d.Harmed() < 3 {
		t.Errorf("only %d calls met a fault", d.Harmed())
	}
}
