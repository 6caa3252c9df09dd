package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// niceness of the calling thread.
func niceness(t *testing.T) int {
	t.Helper()
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	return 20 - raw
}

func TestStart_GivesItsChildAPriority(t *testing.T) {
	program, err := exec.LookPath("nice")
	if err != nil {
		t.Skip("SKIPPED: no program that says its nice value: ", err)
	}
	own := 0
	on(func() { own = niceness(t) })
	if own != 0 {
		t.Skip("SKIPPED: this test runs at a nice value of its own: ", own)
	}
	allowed := false
	on(func() { allowed = unix.Setpriority(unix.PRIO_PROCESS, 0, urgent) == nil })
	for _, c := range []struct {
		priority Priority
		said     string
	}{{Ordinary, "0"}, {Prompt, "-5"}, {Urgent, "-10"}} {
		if c.priority != Ordinary && !allowed {
			c.said = "0" // started all the same
			t.Log("without the privilege to go before others")
		}
		path := filepath.Join(t.TempDir(), "output")
		output, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer output.Close()
		child, err := Start(Spec{Name: "nice", Path: program, Priority: c.priority, Output: output})
		if err != nil {
			t.Fatal(err)
		}
		child.Wait()
		said, err := os.ReadFile(path)
		if err != nil || strings.TrimSpace(string(said)) != c.said {
			t.Errorf("priority %d: the child says %q, %v", c.priority, said, err)
		}
	}
}

// An urgent process starts its children as ordinary ones; an operator's word is left alone.
func TestWithPriority_LeavesTheOperatorsWordAlone(t *testing.T) {
	for _, c := range []struct {
		own      int
		priority Priority
		inside   int
	}{{0, Urgent, urgent}, {urgent, Ordinary, 0}, {urgent, Urgent, urgent}, {urgent, Prompt, prompt}, {0, Prompt, prompt}, {3, Prompt, 3}, {3, Urgent, 3}, {3, Ordinary, 3}, {-5, Ordinary, -5}} {
		on(func() {
			if err := unix.Setpriority(unix.PRIO_PROCESS, 0, c.own); err != nil {
				t.Logf("SKIPPED: nice value %d: %v", c.own, err)
				return
			}
			if c.inside < niceness(t) && unix.Setpriority(unix.PRIO_PROCESS, 0, c.inside) != nil {
				t.Logf("SKIPPED: no privilege to go before others")
				return
			}
			_ = unix.Setpriority(unix.PRIO_PROCESS, 0, c.own)
			inside := 0
			if err := withPriority(c.priority, func() error { inside = niceness(t); return nil }); err != nil {
				t.Error(err)
			}
			if after := niceness(t); inside != c.inside || after != c.own {
				t.Errorf("priority %d at %d: %d inside and %d after", c.priority, c.own, inside, after)
			}
		})
	}
}

// on runs a part of a test on a thread that ends with it.
func on(part func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked
		part()
	}()
	<-done
}
