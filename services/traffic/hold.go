package traffic

import (
	"fmt"
	"net/netip"
	"os"
	"syscall"
)

// hold binds a socket to a free port and never listens on it: while it is open the kernel assigns the port to nobody
// else, and a process that knows the port can listen there, also again after an end. That takes SO_REUSEADDR on both,
// which Go's listeners have.
func hold(address string) (reserved, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return reserved{}, err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return reserved{}, os.NewSyscallError("socket", err)
	}
	free := func() error { return os.NewSyscallError("close", syscall.Close(fd)) }
	err = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
	if err == nil {
		err = os.NewSyscallError("bind", syscall.Bind(fd, &syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}))
	}
	var bound syscall.Sockaddr
	if err == nil {
		bound, err = syscall.Getsockname(fd)
	}
	own, is := bound.(*syscall.SockaddrInet4)
	if err == nil && !is {
		err = fmt.Errorf("%s: the kernel assigned no port", address)
	}
	if err != nil {
		_ = free() // nothing was reserved
		return reserved{}, err
	}
	return reserved{netip.AddrPortFrom(netip.AddrFrom4(own.Addr), uint16(own.Port)).String(), free}, nil
}
