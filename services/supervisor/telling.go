package supervisor

import (
	"fmt"
	"sync"

	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/systemd"
)

// telling is what the service manager is told: while a main runs, what that says of itself, and else what has become of it.
type telling struct {
	unit *systemd.Unit // nil: nobody is told

	mu       sync.Mutex
	pid      int    // of the main that speaks; 0: none does
	before   string // what became of the last one, until the next one speaks
	stopping bool
}

// main takes what a main says of itself. One that is gone says nothing any more, whatever of it comes late.
func (t *telling) main(pid int, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if pid == t.pid {
		t.say(text)
	}
}

// of tells what has happened to main.
func (t *telling) of(event process.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e := event.(type) {
	case process.Started:
		t.pid = e.PID
		t.say("main is starting" + t.after("; the one before "))
		t.before = ""
	case process.Ready:
		// A main that waits for the other host beats too: what it waits for is in its status.
		t.unit.Ready()
	case process.Frozen:
		t.pid, t.before = 0, fmt.Sprintf("was frozen for %s and killed", e.Silent)
		t.say("main is killed: it is frozen")
	case process.Exited:
		t.pid = 0
		if e.Ordered {
			t.say("main has ended")
			return
		}
		if t.before == "" {
			t.before = e.Exit.String()
		}
		t.say("main is started again" + t.after(": the one before "))
	case process.NotStarted:
		t.pid = 0
		t.say(fmt.Sprintf("main can't be started: %v", e.Err))
	case process.GaveUp:
		t.say("main fails again and again, see the log; it is tried for ever, something must be fixed")
	}
}

// end says that the host ends.
func (t *telling) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopping = true
	t.unit.Stopping("stopping: the other host takes over if it is in sync")
}

// after is what became of the last main, as the end of a status.
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
