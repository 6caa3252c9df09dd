package process

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// slackOf is what a child says of its timer slack, on two of its threads.
func slackOf(t *testing.T, part string, slack time.Duration) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "output")
	output, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	child, err := Start(Spec{Name: "slack", Environ: []string{"HELPER=" + part}, Slack: slack, Output: output})
	if err != nil {
		t.Fatal(err)
	}
	child.Wait()
	said, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(said))
}

func TestStart_GivesItsChildATimerSlack(t *testing.T) {
	if got := slackOf(t, "slack", 700*time.Microsecond); got != "700µs 700µs" {
		t.Errorf("the child has %s", got)
	}
	if got := slackOf(t, "slack", 0); got != "50µs 50µs" {
		t.Errorf("one without a wish has %s", got)
	}
}

func TestSetSlack_LeavesTheMonitorThreadItsOwn(t *testing.T) {
	if got := slackOf(t, "monitored", Patient); got != "5ms few, 500µs" {
		t.Errorf("the threads of our own program have %s", got)
	}
	if got := slackOf(t, "monitored", 700*time.Microsecond); got != "700µs" {
		t.Errorf("those of one with another slack have %s", got)
	}
}

// slackOfThreads is what the threads of this process have while some of them wait in the kernel: the monitor thread, one that only
// makes others, and what came to be just then are "few" of more than sixteen.
func slackOfThreads() string {
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil {
		return err.Error()
	}
	defer syscall.Close(pipe[1])
	const waiting = 6
	var begun sync.WaitGroup
	begun.Add(waiting)
	for range waiting {
		go func() {
			begun.Done()
			_, _ = syscall.Read(pipe[0], make([]byte, 1)) // not by the runtime's poller, so it has its thread
		}()
	}
	begun.Wait()
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err.Error()
	}
	counts := map[time.Duration]int{}
	for _, thread := range threads {
		content, err := os.ReadFile(filepath.Join("/proc", thread.Name(), "timerslack_ns"))
		if err != nil {
			return err.Error()
		}
		ns, err := strconv.Atoi(strings.TrimSpace(string(content)))
		if err != nil {
			return err.Error()
		}
		counts[time.Duration(ns)]++
	}
	var said []string
	for _, slack := range slices.Backward(slices.Sorted(maps.Keys(counts))) {
		if n := counts[slack]; n <= 4 {
			said = append(said, slack.String()+" few")
		} else {
			said = append(said, slack.String())
		}
	}
	return strings.Join(said, ", ")
}

func TestWithSlack_LeavesTheOperatorsWordAlone(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	slack := func() (now int) {
		now, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return now
	}
	before := slack()
	defer func() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(before), 0, 0, 0) }()
	for _, c := range []struct{ own, inside int }{{50_000, 700_000}, {80_000, 80_000}} {
		if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(c.own), 0, 0, 0); err != nil {
			t.Fatal(err)
		}
		var inside int
		if err := withSlack(700*time.Microsecond, func() error { inside = slack(); return nil }); err != nil {
			t.Fatal(err)
		}
		if inside != c.inside || slack() != c.own {
			t.Errorf("of %d became %d inside and %d after", c.own, inside, slack())
		}
	}
}
