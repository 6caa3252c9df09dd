package world

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/simulator/pair"
)

// small puts the data of b onto a file system of its own, of that size and with so many inodes.
func (w *clocked) small(size string, inodes int) {
	w.t.Helper()
	dir := w.dir(pair.HostB)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+size+",nr_inodes="+strconv.Itoa(inodes)); err != nil {
		w.t.Skipf("SKIPPED: no file system can be mounted here, so none is full: %v", err)
	}
	w.t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			w.t.Error(err)
		}
	})
}

// ballast is what fills the file system of b.
func (w *clocked) ballast() string { return filepath.Join(w.dir(pair.HostB), "ballast") }

// fill leaves so many bytes free.
func (w *clocked) fill(free int64) {
	w.t.Helper()
	var s syscall.Statfs_t
	f, err := os.Create(w.ballast())
	if err == nil {
		err = syscall.Statfs(w.dir(pair.HostB), &s)
	}
	if err == nil {
		err = unix.Fallocate(int(f.Fd()), 0, 0, int64(s.Bavail)*s.Bsize-free)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	f.Close()
}

// crowd takes all inodes.
func (w *clocked) crowd() {
	w.t.Helper()
	if err := os.Mkdir(w.ballast(), 0o700); err != nil {
		w.t.Fatal(err)
	}
	for i := 0; ; i++ {
		f, err := os.Create(filepath.Join(w.ballast(), strconv.Itoa(i)))
		if err != nil {
			return
		}
		f.Close()
	}
}

// clear takes what fills it away.
func (w *clocked) clear() {
	w.t.Helper()
	if err := os.RemoveAll(w.ballast()); err != nil {
		w.t.Fatal(err)
	}
}
