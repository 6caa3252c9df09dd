package local

import (
	"fmt"
	"syscall"
)

// Open files of a process of terminals: for each its listening sockets, those of two hosts and one application, and
// some for itself.
const (
	filesEach     = 5
	filesEachHTTP = 6
	filesOfFleet  = 256
)

// PartSize is the most terminals of one process: their files fit where a process may open 20,000. It is the same
// everywhere, because the data of a process's terminals are in one file.
const PartSize = 2500

// allowFiles makes sure that a child process may open the files for a number of terminals: terminals beyond the limit
// would answer nothing, and the pair would never become ready. It raises the limit if the system allows it. The error
// is ErrOption.
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
