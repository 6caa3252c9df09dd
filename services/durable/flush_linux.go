package durable

import (
	"os"

	"golang.org/x/sys/unix"
)

// Flush brings the content of a file to the disk that has its size already: a journal of the file system need not be written for its times.
func Flush(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }
