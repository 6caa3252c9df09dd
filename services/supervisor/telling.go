package supervisor

import (
	"fmt"
	"sync"

	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/systemd"
)

// telling is the status for the service manager: main's own status while a main runs, otherwise what became of it.
type telling struct {
	unit *systemd.Unit // nil: no service manager

	mu       sync.Mutex
	pid      int    // of the main that reports; 0: none does
	before   string // what became of the last main, until the next one reports
	stopping bool
}

// main records the status of a main. A late status of an ended main is ignored.
func (t *telling) main(pid int, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if pid == t.pid {
		t.say(text)
	}
}

// of records an event of main.
func (t *telling) of(event process.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e := event.(type) {
	case process.Started:
		t.pid = e.PID
		t.say("main is starting" + t.after("; the previous one "))
		t.before = ""
	case process.Ready:
		// A main that waits for the other host beats too: its status says what it waits for.
		t.unit.Ready()
	case process.Frozen:
		t.pid, t.before = 0, fmt.Sprintf("was frozen for %s and killed", e.Silent)
		t.say("killing main: it is frozen")
	case process.Exited:
		t.pid = 0
		if e.Ordered {
			t.say("main has ended")
			return
		}
		if t.before == "" {
			t.before = e.Exit.String()
		}
		t.say("restarting main" + t.after(": the previous one "))
	case process.NotStarted:
		t.pid = 0
		t.say(fmt.Sprintf("main can't be started: %v", e.Err))
	case process.GaveUp:
		t.say("main keeps failing and is restarted; see the log for the cause")
	}
}

// end says that the host stops.
func (t *telling) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopping = true
	t.unit.Stopping("stopping; the other host takes over if it is in sync")
}

// after appends what became of the last main to a status.
func (t *telling) after(link string) string {
	if t.before == "" {
		return ""
	}
	return link + t.before
}

func (t *telling) say(text string) {
	if t.stopping {
		text = "stopping: " + text
	}
	t.unit.Status(text)
}
