package process

import (
	"os"
	"runtime"
	"runtime/debug"
)

// FewProcessors lets the process run on at most n processors at a time, unless GOMAXPROCS says something else. A process
// that does little for each message spends most of its time on waking threads that find nothing left to do: on one
// processor a message then costs about three quarters, and an idle process wakes up a quarter less often.
func FewProcessors(n int) {
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) > n {
		runtime.GOMAXPROCS(n)
	}
}

// RareCollections lets garbage grow to percent of what is alive before it is collected, as long as the process has less
// than limit bytes in all, unless GOGC or GOMEMLIMIT say something else. It is for a process that lives on little and
// makes much garbage.
func RareCollections(percent int, limit int64) {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// RoomForGarbage lets so many bytes of garbage gather beside half as much as is alive before it is collected, unless GOGC or
// GOMEMLIMIT say something else, until the function that it gives is called. It is for a process that may have to keep much
// alive and mostly does not: RareCollections would let its garbage grow with that, or have it collect without end at its limit.
func RoomForGarbage(bytes int) (end func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	const half = 50
	before := debug.SetGCPercent(half)
	// What is alive counts for the collector. Nobody reads or writes it, so the kernel never gives memory for it.
	alive := make([]byte, bytes*100/half)
	return func() {
		runtime.KeepAlive(alive)
		debug.SetGCPercent(before)
	}
}
