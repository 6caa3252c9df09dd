package process

import (
	"os"

	"golang.org/x/sys/unix"
)

const (
	standardError = 2
	// panicWithin is how long a socket without a reader may block the text of a panic.
	panicWithin = 1 // second
)

// LogOutput returns the destination of this process's log, which is its standard error, and makes descriptor 2 itself
// non-blocking. The runtime writes there why it panics, while everything else stands still, and a pipe without a
// reader would block it for ever, neither alive nor dead. Text without room is then lost, and the process ends.
//
// A pipe and a terminal are reopened for that, because the non-blocking mode applies to all who share an open file. A
// socket, such as that of a journal, has a deadline. There is no remedy for a file: one on a file system that hangs
// blocks a panic until the file system continues.
func LogOutput() *os.File {
	kept, err := unix.FcntlInt(standardError, unix.F_DUPFD_CLOEXEC, standardError+1)
	if err != nil {
		return os.Stderr
	}
	var stat unix.Stat_t
	if unix.Fstat(standardError, &stat) == nil {
		switch stat.Mode & unix.S_IFMT {
		case unix.S_IFIFO, unix.S_IFCHR:
			if fd, err := unix.Open("/proc/self/fd/2", unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0); err == nil { // otherwise unchanged
				_ = unix.Dup3(fd, standardError, 0)
				_ = unix.Close(fd)
			}
		case unix.S_IFSOCK:
			_ = unix.SetsockoptTimeval(standardError, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: panicWithin})
		}
	}
	return os.NewFile(uintptr(kept), "standard error")
}
