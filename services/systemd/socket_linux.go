package systemd

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

var (
	errName = errors.New("invalid socket name")
	// errFull says that earlier messages are still unread.
	errFull = unix.EAGAIN
)

// socket is the socket that systemd reads.
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

// send sends a message without waiting.
func (s socket) send(text string) error {
	return unix.Sendto(s.fd, []byte(text), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, s.to)
}

func (s socket) close() { _ = unix.Close(s.fd) } // it is of ours

// monotonic is the clock that systemd uses.
func monotonic() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0 // every kernel has this clock
	}
	return time.Duration(now.Nano())
}
