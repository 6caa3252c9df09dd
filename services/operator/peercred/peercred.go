// Package peercred is a unix socket whose server knows by the kernel's word which user of the machine is at the other end.
//
// Why it is trusted: SO_PEERCRED holds what the kernel knew of the process that connected. No process says it of itself, and none
// can have it changed. So nothing has to be looked up, stored or shown: it works while everything else of a host is down.
//
// A path may be longer than the 107 bytes that an address of a socket holds: it is then reached by way of its directory.
package peercred

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// most is how long the path of a socket may be, in bytes, for the kernel to take it.
const most = 107

// User is who is at the other end of a connection.
type User struct {
	UID int
	PID int
}

// Of gives the user at the other end of a connection over a unix socket; false for any other connection.
func Of(conn net.Conn) (u User, ok bool) {
	c, is := conn.(*net.UnixConn)
	if !is {
		return u, false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return u, false
	}
	var cred *syscall.Ucred
	if e := raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); e != nil || err != nil {
		return u, false
	}
	return User{UID: int(cred.Uid), PID: int(cred.Pid)}, true
}

// Listen listens at a path, for the owner and the group of the process. What a killed process left there is replaced; the directory
// must be one in which nobody else may put a file.
func Listen(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("unix socket: %s is there and is no socket", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("unix socket: %w", err)
	}
	var l *net.UnixListener
	err := reach(path, func(name string) (err error) {
		l, err = net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("unix socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	// Who connects before that is known by the kernel all the same.
	if err := os.Chmod(path, 0o660); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("unix socket: %w", err)
	}
	return l, nil
}

// Dial connects to the socket at a path.
func Dial(ctx context.Context, path string) (conn net.Conn, err error) {
	err = reach(path, func(name string) (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, "unix", name)
		return err
	})
	return conn, err
}

// reach gives a path that the kernel takes for an address.
func reach(path string, with func(name string) error) error {
	if len(path) <= most {
		return with(path)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return with("/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + filepath.Base(path))
}

type key struct{}

// With leaves who is at the other end of a connection to the calls that come by it.
func With(ctx context.Context, conn net.Conn) context.Context {
	if u, ok := Of(conn); ok {
		return context.WithValue(ctx, key{}, u)
	}
	return ctx
}

// From gives the user who makes a call; false when it came by another way than a unix socket.
func From(ctx context.Context) (u User, ok bool) {
	u, ok = ctx.Value(key{}).(User)
	return u, ok
}
