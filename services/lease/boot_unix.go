//go:build unix && !linux

package lease

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// BootClock reads CLOCK_MONOTONIC, which continues during sleep on these systems.
func BootClock() time.Duration {
	var now unix.Timespec
	// The only error is a clock the kernel does not have; then no right may hold.
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return math.MaxInt64
	}
	return time.Duration(now.Nano())
}
