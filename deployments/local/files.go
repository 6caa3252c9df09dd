package local

import (
	"fmt"
	"syscall"
)

// What the process of the terminals has open at the same time: for each the sockets that it listens on, those of two hosts and one of an
// application, and some for itself.
const (
	filesEach     = 5
	filesEachHTTP = 6
	filesOfFleet  = 256
)

// filesOf is how many files so many terminals have open.
func filesOf(terminals int, silent bool) uint64 {
	if silent {
		return uint64(filesOfFleet + terminals*filesEach)
	}
	return uint64(filesOfFleet + terminals*filesEachHTTP)
}

// allowFiles sees to it that the processes which this one starts may open as many files as so many terminals need: terminals beyond the limit would
// answer nobody, and the pair would never become ready. It raises the limit where the system lets it. The error is ErrOption.
func allowFiles(terminals int, silent bool) error {
	need := filesOf(terminals, silent)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	if limit.Max >= need {
		return nil // each process raises its own up to there
	}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: need, Max: need}) == nil {
		return nil
	}
	return fmt.Errorf("%w: --terminals %d: their process needs %d open files and may have %d: raise that (ulimit -n, by who may), or give fewer terminals", ErrOption, terminals, need, limit.Max)
}
