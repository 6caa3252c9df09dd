package queue

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// allocate reserves disk space for a file; the file never gets shorter. If the file system can't, the file only gets
// longer.
func allocate(f *os.File, bytes int64) error {
	var err error
	for {
		if err = unix.Fallocate(int(f.Fd()), 0, 0, bytes); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return lengthen(f, bytes)
	}
	if err != nil {
		return &os.PathError{Op: "allocate", Path: f.Name(), Err: err}
	}
	return nil
}
