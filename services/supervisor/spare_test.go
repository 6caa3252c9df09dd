package supervisor

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// share is mounted; its server takes every request and answers none.
type share struct {
	dir string
	end func()

	mu    sync.Mutex
	taken map[int]bool // the threads that asked, by id
}

// hanging mounts a share.
func hanging(t *testing.T) *share {
	t.Helper()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no share can be played here: %v", err)
	}
	s := &share{dir: t.TempDir(), taken: map[int]bool{}}
	if err := unix.Mount("hanging", s.dir, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd)); err != nil {
		_ = unix.Close(fd)
		t.Skipf("no share can be played here: %v", err)
	}
	ended := false
	s.end = func() {
		if !ended {
			ended = true
			_ = unix.Unmount(s.dir, unix.MNT_FORCE) // fails all requests; the name may be busy
			_ = unix.Unmount(s.dir, unix.MNT_DETACH)
			_ = unix.Close(fd)
		}
	}
	t.Cleanup(s.end)
	go func() {
		buffer := make([]byte, 1<<20)
		for {
			n, err := unix.Read(fd, buffer)
			if err != nil {
				return
			}
			if n >= 16 && binary.NativeEndian.Uint32(buffer[4:]) == 26 { // FUSE_INIT
				answer := make([]byte, 16+64)
				binary.NativeEndian.PutUint32(answer, uint32(len(answer)))
				copy(answer[8:16], buffer[8:16])
				binary.NativeEndian.PutUint32(answer[16:], 7)
				binary.NativeEndian.PutUint32(answer[20:], 31)
				binary.NativeEndian.PutUint32(answer[36:], 1<<17)
				_, _ = unix.Write(fd, answer)
			} else if n >= 36 {
				s.mu.Lock()
				s.taken[int(binary.NativeEndian.Uint32(buffer[32:]))] = true
				s.mu.Unlock()
			}
		}
	}()
	return s
}

// holds reports whether a thread of a process waits for an answer. Only a request that the server has taken survives the SIGKILL of who asked:
// the kernel withdraws one that still waits to be taken.
func (s *share) holds(pid int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		id, _ := strconv.Atoi(task.Name())
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/wchan", pid, id))
		if s.taken[id] && err == nil && string(text) == "request_wait_answer" {
			return true
		}
	}
	return false
}

// TestSupervisor_AShareThatHangsKeepsNoMainFromStarting: what makes backups hangs in the kernel and survives its SIGKILL; neither the next main
// nor the end of the host waits for it.
func TestSupervisor_AShareThatHangsKeepsNoMainFromStarting(t *testing.T) {
	share := hanging(t)
	s := stageWith(t, "main-spare", time.Minute, "HOTPAIR_BACKUP_TO="+share.dir)
	pids := s.awaitNotes(t, 1, "main", "spare")
	processtest.Await(t, "it hangs", func() bool { return share.holds(pids[1]) })
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	again := s.awaitNotes(t, 2, "main", "spare")
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", pids[1])); err != nil {
		t.Errorf("it has ended, and nothing was tried: %v", err)
	}
	processtest.Await(t, "it hangs again", func() bool { return share.holds(again[1]) })
	if err := syscall.Kill(again[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.awaitNotes(t, 3, "main")
	if err := s.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	processtest.Await(t, "the host ends", func() bool { return !alive(s.PID()) })
	share.end()
}

// TestStuck_IsNobodyWhoHasNotSaidSo: whatever else hangs is waited for, since what it does in the kernel may be of the host's.
func TestStuck_IsNobodyWhoHasNotSaidSo(t *testing.T) {
	share := hanging(t)
	other := exec.Command("/usr/bin/stat", share.dir)
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	processtest.Await(t, "it hangs", func() bool { return share.holds(other.Process.Pid) })
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	processtest.Await(t, "it hangs for good", func() bool { return state(other.Process.Pid) == 'D' })
	if process.Stuck(other.Process.Pid) || process.Stuck(os.Getpid()) {
		t.Error("nobody would wait for it")
	}
	share.end()
	_ = other.Wait() // it was killed
}
