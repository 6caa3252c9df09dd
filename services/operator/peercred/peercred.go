// Package peercred is a unix socket whose server knows, from the kernel, which user of the machine is at the other end.
//
// SO_PEERCRED is trusted because it holds what the kernel knew of the process that connected; no process can claim or
// change it. So nothing has to be checked or stored, and it works while everything else of a host is down.
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

// most is the longest path of a socket that the kernel accepts, in bytes.
const most = 107

// User is the user at the other end of a connection.
type User struct {
	UID int
	PID int
}

// Of returns the user at the other end of a connection over a unix socket; false for any other connection.
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

// Listen listens at a path, for the owner and the group of the process. A socket left by a killed process is replaced;
// no other user may be able to write to the directory.
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
	// The kernel also knows a process that connects before that.
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

// reach returns a path short enough for the kernel.
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

// With stores the user at the other end of a connection in the context of its calls.
func With(ctx context.Context, conn net.Conn) context.Context {
	if u, ok := Of(conn); ok {
		return context.WithValue(ctx, key{}, u)
	}
	return ctx
}

// From returns the user who makes a call; false when it did not come over a unix socket.
func From(ctx context.Context) (u User, ok bool) {
	u, ok = ctx.Value(key{}).(User)
	return u, ok
}
