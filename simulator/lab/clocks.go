package lab

import (
	"strconv"
	"time"
)

// Clocks is the offset of two kernel clocks, which nobody sets, from this machine's: a machine that was booted at
// another time has others.
type Clocks struct {
	Boot      time.Duration // CLOCK_BOOTTIME, which goes on while the machine sleeps
	Monotonic time.Duration // CLOCK_MONOTONIC, which Go's timers run on
}

// under returns the command that runs another one with these clocks, in a time namespace; it becomes that one, with
// the same process id.
func (c Clocks) under() []string {
	if c == (Clocks{}) {
		return nil
	}
	seconds := func(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }
	return []string{"/usr/bin/unshare", "--time", "--boottime=" + seconds(c.Boot), "--monotonic=" + seconds(c.Monotonic)}
}

// SetClocks gives a node's processes other clocks from their next start on, in whole seconds. A clock that would be
// negative makes the start fail.
func (l *Lab) SetClocks(name string, c Clocks) {
	t := l.trees[name]
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clocks = c
}
