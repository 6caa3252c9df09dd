package lease

import (
	"time"

	"golang.org/x/sys/windows"
)

// BootClock returns the time since the system started, sleep included, in steps of about 16 ms: hosts do not run on
// Windows, and nothing shorter is measured with it.
func BootClock() time.Duration { return windows.DurationSinceBoot() }
