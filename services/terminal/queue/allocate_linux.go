package queue

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// allocate has a file have so many bytes on the disk; it never gets shorter. Where the file system can't do that, the file only gets longer.
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
