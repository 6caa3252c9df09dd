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

// LogOutput gives what this process writes its log to, which is its standard error, and has descriptor 2 itself wait for nobody: the
// runtime writes there why it panics, with everything else standing still, and a pipe that nobody reads would hold it for ever, neither
// alive nor dead. What there is no room for is lost then, and the process ends.
//
// A pipe and a terminal are opened anew for that, because not to wait belongs to all who share an opening. A socket, as a journal's, has a
// deadline. A file can't be helped: one on a file system that hangs holds a panic until that goes on.
func LogOutput() *os.File {
	kept, err := unix.FcntlInt(standardError, unix.F_DUPFD_CLOEXEC, standardError+1)
	if err != nil {
		return os.Stderr
	}
	var stat unix.Stat_t
	if unix.Fstat(standardError, &stat) == nil {
		switch stat.Mode & unix.S_IFMT {
		case unix.S_IFIFO, unix.S_IFCHR:
			if fd, err := unix.Open("/proc/self/fd/2", unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0); err == nil { // else it stays as it is
				_ = unix.Dup3(fd, standardError, 0)
				_ = unix.Close(fd)
			}
		case unix.S_IFSOCK:
			_ = unix.SetsockoptTimeval(standardError, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: panicWithin})
		}
	}
	return os.NewFile(uintptr(kept), "standard error")
}
