package systemd

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

var (
	errName = errors.New("the socket has no name that can be")
	// errFull says that nobody has read what was said before.
	errFull = unix.EAGAIN
)

// socket is where systemd reads.
type socket struct {
	to unix.Sockaddr
	fd int
}

func dial(name string) (socket, error) {
	if name[0] != '/' && name[0] != '@' || len(name) >= len(unix.RawSockaddrUnix{}.Path) {
		return socket{}, errName
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	return socket{&unix.SockaddrUnix{Name: name}, fd}, err
}

// send says something and waits for nobody.
func (s socket) send(text string) error {
	return unix.Sendto(s.fd, []byte(text), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, s.to)
}

func (s socket) close() { _ = unix.Close(s.fd) } // it is of ours

// monotonic is the clock that systemd compares with.
func monotonic() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0 // a clock that every kernel has
	}
	return time.Duration(now.Nano())
}
