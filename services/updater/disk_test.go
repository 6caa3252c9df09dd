package updater

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/bus"
)

// smallDisk is a file system of its own with so many bytes.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root can mount a small disk, so a full one is not tried")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skipf("SKIPPED: no file system can be mounted here, so a full disk is not tried: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all the space that is left.
func fill(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// TestProcess_R8FullDisk: a full disk ends the process with an error; nothing acknowledged is lost, and with room again
// the term goes on. A host without room is not fit to take over (T4).
func TestProcess_R8FullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a journal to count as stuck")
	}
	a, _ := newHosts(t)
	a.config.Data = smallDisk(t, 96<<20)
	process := a.spawn()
	a.lead(1, false)
	a.put(1, "x", "1")
	ballast := fill(t, a.config.Data)
	lost := a.begin(request{Epoch: 1, Operations: []bus.Operation{{Key: []byte("y"), Value: make([]byte, 64<<10)}}})
	select {
	case <-a.ended:
	case <-time.After(3 * patience):
		t.Fatal("the process does not end")
	}
	a.cancel = nil
	if code := process.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	select {
	case r := <-lost:
		if r.Code == bus.CodeOK {
			t.Errorf("acknowledged %+v", r)
		}
	default:
	}

	if err := os.Truncate(ballast, 80<<20); err != nil {
		t.Fatal(err)
	}
	process = a.spawn()
	refused(a, bus.CallPrepare, bus.Prepare{Epoch: 2})
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	a.serve(bus.Serve{Epoch: 1, RecordVersion: 1, Resume: true})
	if got := a.get("x"); got != "1@2" {
		t.Errorf("x is %s", got)
	}
	a.put(1, "z", "1")
	a.kill(process)
}

// TestProcess_R8FailedTestWriteEnds: the write that shows that a disk takes writes is one that may fail, and then nothing of
// this process writes any more. It ends, and the next one is fit when the disk is; left alive it would never be.
func TestProcess_R8FailedTestWriteEnds(t *testing.T) {
	for name, write := range map[string]func(*host) (ok bool){
		"takeover": func(h *host) bool {
			_, err := tryOrder(h, bus.CallPrepare, bus.Prepare{Epoch: 1}, patience)
			return err == nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := newHosts(t)
			process := a.spawn()
			// Room for the journal's marker and for facts, not for the 64 KiB that are tried.
			limit := unix.Rlimit{Cur: 48 << 10, Max: 48 << 10}
			if err := unix.Prlimit(process.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
				t.Fatal(err)
			}
			if write(a) {
				t.Fatal("the disk took 64 KiB")
			}
			select {
			case <-a.ended:
			case <-time.After(3 * patience):
				t.Fatal("the process does not end")
			}
			a.cancel = nil
			if code := process.ProcessState.ExitCode(); code != 1 {
				t.Errorf("exit code %d", code)
			}
			process = a.spawn()
			a.lead(1, false)
			a.kill(process)
		})
	}
}

// Looking after a failing disk ended the process that looked, and as both hosts are looked at, with both disks out of inodes one
// read-only call without a token ended the service. It says what is wrong and harms nothing: what is served is served on.
func TestFault_B9_LookingAtAFailingDiskEndsNothing(t *testing.T) {
	a, _ := newHosts(t)
	process := a.spawn()
	a.lead(1, false)
	a.put(1, "x", "1")
	a.await("nothing is left to write", func(s bus.UpdaterState) bool { return s.Committed.Sequence == 2 && s.Applied == s.Committed })
	// No file may be written from here on, whatever its size.
	limit := unix.Rlimit{Cur: 0, Max: unix.RLIM_INFINITY}
	if err := unix.Prlimit(process.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		x, err := tryOrder(a, bus.CallExamine, bus.Examine{}, patience)
		if err != nil || !strings.Contains(x.Unfit, a.config.Data) {
			t.Errorf("examined: %+v, %v", x, err)
		}
	}
	select {
	case err := <-a.ended:
		t.Fatalf("the process has ended: %v", err)
	default:
	}
	if got := a.get("x"); got != "1@2" {
		t.Errorf("x is %s", got)
	}
	a.await("it says that it is unfit", func(s bus.UpdaterState) bool { return s.Unfit != "" })
	limit.Cur = unix.RLIM_INFINITY
	if err := unix.Prlimit(process.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	if x, err := tryOrder(a, bus.CallExamine, bus.Examine{}, patience); err != nil || x.Unfit != "" {
		t.Errorf("with a disk that is well again: %+v, %v", x, err)
	}
	a.put(1, "y", "1")
	a.kill(process)
}

// A host on a disk without inodes said that it can't listen. It names the disk.
func TestFault_B8_AStartOnADiskWithoutInodesNamesIt(t *testing.T) {
	a, _ := newHosts(t)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=128m,nr_inodes=6"); err != nil {
		t.Skipf("SKIPPED: no file system can be mounted here, so one without inodes is not tried: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	a.config.Data = dir
	err := newUpdater(a.config, a.log).run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "out of inodes on the file system of "+dir) {
		t.Errorf("it says %v", err)
	}
}
