package lease

import (
	"time"

	"golang.org/x/sys/windows"
)

// BootClock is the time since the system started, sleep included, in steps of some 16 ms: no host runs here, and nothing shorter is measured by it.
func BootClock() time.Duration { return windows.DurationSinceBoot() }
