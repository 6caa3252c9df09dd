package processtest

import (
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
)

// What is preferred is so until the test ends, and no longer.
func TestPrefer_UntilTheTestEnds(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	priority := func() int {
		raw, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
		if err != nil {
			t.Fatal(err)
		}
		return 20 - raw
	}
	before, within := priority(), 0
	t.Run("measures", func(t *testing.T) {
		Prefer(t)
		within = priorityOfAll(t)
	})
	if os.Geteuid() == 0 && within != preferred {
		t.Errorf("while it measures: %d", within)
	}
	if after := priority(); after != before {
		t.Errorf("afterwards %d, before %d", after, before)
	}
}

// priorityOfAll is the nice value of the thread of this process that is preferred least.
func priorityOfAll(t *testing.T) int {
	t.Helper()
	least := -20
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			t.Fatal(err)
		}
		raw, err := syscall.Getpriority(syscall.PRIO_PROCESS, id)
		if err == syscall.ESRCH { // it has ended meanwhile
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		least = max(least, 20-raw)
	}
	return least
}
