package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrUnavailable says that this machine can't run a lab; the text says what is missing.
var ErrUnavailable = errors.New("the lab can't run on this machine")

// Available reports whether a lab can run here. The error is ErrUnavailable.
func Available() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: network namespaces need root", ErrUnavailable)
	}
	for _, program := range []string{"ip", "nsenter", "unshare"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	s, err := newSpace()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return s.close()
}

// space is a network namespace. It has no name: an open file, and the processes in it, keep it.
type space struct {
	file *os.File
}

// newSpace makes a namespace with a working loopback.
func newSpace() (*space, error) {
	made := make(chan error)
	s := &space{}
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine, nothing else runs in there
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			s.file, err = os.Open("/proc/thread-self/ns/net")
		}
		made <- err
	}()
	if err := <-made; err != nil {
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	if err := s.ip("link set lo up"); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *space) close() error { return s.file.Close() }

// path names the namespace for other programs, as long as this process lives.
func (s *space) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), s.file.Fd()) }

// do runs f on a thread in the namespace.
func (s *space) do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			done <- err
			return
		}
		defer home.Close()
		if err := unix.Setns(int(s.file.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter network namespace: %w", err)
			return
		}
		err = f()
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread() // otherwise the thread ends here, with the goroutine
		}
		done <- err
	}()
	return <-done
}

// ip runs commands of ip(8) in the namespace, without their "ip".
func (s *space) ip(commands ...string) error {
	return s.do(func() error {
		c := exec.Command("ip", "-batch", "-")
		c.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(commands, "; "), err, bytes.TrimSpace(out))
		}
		return nil
	})
}

// DialContext connects from inside the namespace. The address must be a number: nothing is looked up.
func (s *space) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var conn net.Conn
	err := s.do(func() (err error) {
		conn, err = (&net.Dialer{Timeout: dialWithin}).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Dial is DialContext for callers without a context, such as nats.go.
func (s *space) Dial(network, address string) (net.Conn, error) {
	return s.DialContext(context.Background(), network, address)
}

// dialWithin bounds a connection attempt; within one namespace it takes microseconds.
const dialWithin = 2 * time.Second
