package processtest

import (
	"os"
	"strconv"
	"syscall"
	"testing"
)

// preferred is the nice value of threads that measure.
const preferred = -15

// Prefer raises this process's priority until the test ends, if allowed: root's can. Its measurements then hardly
// depend on the load of the machine. Children inherit the priority, so it is for tests that start none.
func Prefer(t testing.TB) {
	t.Helper()
	was, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err == nil {
		err = renice(preferred)
	}
	if err != nil {
		t.Logf("could not raise the priority: %v", err)
		return
	}
	t.Cleanup(func() {
		if err := renice(20 - was); err != nil { // the system call returns 20 minus the nice value, never negative
			t.Error(err)
		}
	})
}

// renice sets the nice value of all threads; later threads inherit that of their creator.
func renice(nice int) error {
	for range 2 { // one may have created others meanwhile
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				return err
			}
			if err := syscall.Setpriority(syscall.PRIO_PROCESS, id, nice); err != nil && err != syscall.ESRCH {
				return os.NewSyscallError("setpriority", err)
			}
		}
	}
	return nil
}
