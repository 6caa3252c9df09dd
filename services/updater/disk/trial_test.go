package disk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/bus"
)

var plenty = room{DiskSpace: bus.DiskSpace{Size: 1 << 40, Free: 1 << 39}, files: 1 << 20, inodes: 1 << 19}

// tried is a disk of a test, watched, with the time of a bubble.
type tried struct {
	*Trial
	room     room
	sync     error
	hang     chan struct{}
	syncs    int
	moved    bool
	took     int
	failures int
	problems []string
}

func newTried(t *testing.T) *tried {
	began := time.Now()
	d := &tried{room: plenty, Trial: New(t.TempDir(), func() time.Duration { return time.Since(began) + time.Hour })}
	d.Trial.sync = func(*os.File) error {
		d.syncs++
		if d.hang != nil {
			<-d.hang
		}
		return d.sync
	}
	d.Trial.room = func(string) (room, error) { return d.room, nil }
	return d
}

func (d *tried) host() Host {
	return Host{
		Moved: func() bool { return d.moved }, Took: func(time.Duration) { d.took++ },
		Failed: func(error) { d.failures++ }, Changed: func(p string) { d.problems = append(d.problems, p) },
	}
}

// A disk that turned read-only, ran out of inodes or hung was noticed with the first write, which was a takeover's: until then all was
// green. It is noticed while nothing is written, within a bounded time, by a sentence that names the disk; and noticed to be well again.
func TestFault_B8_AnIdleDiskThatTakesNothingIsNoticed(t *testing.T) {
	for _, c := range []struct {
		name, says string
		spoil      func(d *tried)
		repairs    func(d *tried)
	}{
		{"read-only", "read-only", func(d *tried) { d.room.readOnly = true }, func(d *tried) { d.room.readOnly = false }},
		{"no inodes", "out of inodes", func(d *tried) { d.room.inodes = 3 }, func(d *tried) { d.room.inodes = 1 << 19 }},
		{"full", "MiB free", func(d *tried) { d.room.Free = 1 << 20 }, func(d *tried) { d.room.Free = 1 << 30 }},
		{"hangs", "has not completed a small write", func(d *tried) { d.hang = make(chan struct{}) }, func(d *tried) { close(d.hang); d.hang = nil }},
		{"fsync fails", "fsync failed", func(d *tried) { d.sync = syscall.EIO }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				d := newTried(t)
				done := make(chan error, 1)
				go func() { done <- d.Watch(ctx, d.host()) }()
				time.Sleep(time.Minute)
				if p := d.Problem(); p != "" {
					t.Fatalf("a disk that is well: %s", p)
				}
				c.spoil(d)
				time.Sleep(Pace*(idleLooks+1) + hangs)
				if p := d.Problem(); !strings.Contains(p, c.says) || !strings.Contains(p, d.dir) {
					t.Errorf("it says %q", p)
				}
				if c.repairs == nil {
					before := d.syncs
					d.sync = nil
					time.Sleep(time.Minute)
					if d.syncs != before || d.Problem() == "" || d.failures != 1 {
						t.Errorf("a failed fsync was tried again %d times, told %d times; now %q", d.syncs-before, d.failures, d.Problem())
					}
				} else {
					c.repairs(d)
					time.Sleep(time.Minute)
					if p := d.Problem(); p != "" {
						t.Errorf("well again, it says %q", p)
					}
				}
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// While updates come each look tries, and is counted as what a standby's disk takes; idle trials are rare and are not.
func TestTrial_TimesWhatIsWrittenWhileUpdatesCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		d := newTried(t)
		done := make(chan error, 1)
		go func() { done <- d.Watch(ctx, d.host()) }()
		time.Sleep(time.Minute)
		if d.took != 0 || d.syncs < 4 || d.syncs > 8 {
			t.Errorf("idle for a minute: %d writes, %d counted", d.syncs, d.took)
		}
		before := d.syncs
		d.moved = true
		time.Sleep(time.Minute)
		if n := d.syncs - before; n < 28 || d.took < n-1 {
			t.Errorf("updates for a minute: %d writes, %d counted", n, d.took)
		}
		if left, err := os.ReadDir(d.dir); err != nil || len(left) != 0 {
			t.Errorf("it leaves %v, %v", left, err)
		}
		cancel()
		<-done
	})
}

// A real file system without inodes is named as such.
func TestFault_B8_OutOfInodesIsSaid(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=128m,nr_inodes=200"); err != nil {
		t.Skip("SKIPPED: no file system can be mounted here, so one without inodes is not tried:", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	d := New(dir, func() time.Duration { return time.Hour })
	defer d.Close()
	if err := d.Look(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		f, err := os.Create(filepath.Join(dir, "file"+time.Duration(i).String()))
		if errors.Is(err, syscall.ENOSPC) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if err := d.Look(); err == nil || !strings.Contains(err.Error(), "out of inodes on the file system of "+dir) {
		t.Errorf("it says %v", err)
	}
	if _, err := d.Write(t.Context()); err != nil { // its file was made beforehand
		t.Errorf("the trial needs an inode: %v", err)
	}
}
