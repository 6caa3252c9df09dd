package process

import (
	"os"
	"runtime"
	"runtime/debug"
)

// FewProcessors limits the process to n processors at a time, unless GOMAXPROCS is set. A process that does little
// for each message spends most of its time on waking threads that find no work: on one processor a message costs
// about three quarters, and an idle process wakes up a quarter less often.
func FewProcessors(n int) {
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) > n {
		runtime.GOMAXPROCS(n)
	}
}

// RareCollections lets garbage grow to percent of the live heap before it is collected, as long as the process has
// less than limit bytes in all, unless GOGC or GOMEMLIMIT is set. It is for a process with a small live heap and much
// garbage.
func RareCollections(percent int, limit int64) {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// RoomForGarbage lets the given number of bytes of garbage gather in addition to half the live heap before it is
// collected, until the returned function is called, unless GOGC or GOMEMLIMIT is set. It is for a process that may
// have to keep much alive but mostly does not: RareCollections would let its garbage grow with that, or collect
// continuously at its limit.
func RoomForGarbage(bytes int) (end func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	const half = 50
	before := debug.SetGCPercent(half)
	// It counts as live for the collector. It is never read or written, so the kernel allocates no memory for it.
	alive := make([]byte, bytes*100/half)
	return func() {
		runtime.KeepAlive(alive)
		debug.SetGCPercent(before)
	}
}
