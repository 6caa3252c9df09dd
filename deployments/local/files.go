package local

import (
	"fmt"
	"syscall"
)

// What a process of terminals has open at the same time: for each the sockets that it listens on, those of two hosts and one of an application,
// and some for itself.
const (
	filesEach     = 5
	filesEachHTTP = 6
	filesOfFleet  = 256
)

// PartSize is how many terminals one process runs at most: so many may have their files open on a machine that lets a process have 20,000. It is the
// same everywhere, since what the terminals of a process keep is in one file.
const PartSize = 2500

// allowFiles sees to it that a process which this one starts may open as many files as so many terminals need: terminals beyond the limit would
// answer nobody, and the pair would never become ready. It raises the limit where the system lets it. The error is ErrOption.
func allowFiles(terminals int, silent bool) error {
	each := filesEachHTTP
	if silent {
		each = filesEach
	}
	need := uint64(filesOfFleet + terminals*each)
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
	return fmt.Errorf("%w: a process with %d terminals needs %d open files, but the limit is %d: raise it (ulimit -n), or give fewer with --terminals", ErrOption, terminals, need, limit.Max)
}
