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

// HalfOfProcessors lets the process run on half of the machine's processors at a time, on one at least, unless GOMAXPROCS says
// something else. It is for the processes of a host that share the work of each update: one thread that hands over wakes the next
// process anyway, and each further thread of a process is woken for work that the first has done before it comes.
func HalfOfProcessors() { FewProcessors(max(1, runtime.NumCPU()/2)) }

// RareCollections lets garbage grow to percent of what is alive before it is collected, as long as the process has less
// than limit bytes in all, unless GOGC or GOMEMLIMIT say something else. It is for a process that lives on little and
// makes much garbage.
func RareCollections(percent int, limit int64) {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}
