package processtest

import (
	"os"
	"strconv"
	"syscall"
	"testing"
)

// preferred is the nice value of threads that measure.
const preferred = -15

// Prefer has this process run before others until the test ends, where it may: root's can. What a test measures of itself then hardly depends
// on what else the machine has to do. Processes that it starts meanwhile are preferred too, so it is for tests that start none.
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
		if err := renice(20 - was); err != nil { // the system call gives 20 less the nice value, never a negative number
			t.Error(err)
		}
	})
}

// renice sets the nice value of all threads; those that begin later have that of the one that begins them.
func renice(nice int) error {
	for range 2 { // one may have begun others meanwhile
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
