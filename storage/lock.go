package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// directoryLock keeps a second process out of a data directory. The kernel gives it up when the process ends.
type directoryLock struct{ file *os.File }

// lockDirectory takes the lock or says who has it. The error is ErrLocked.
func lockDirectory(dir string) (*directoryLock, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		owner := "another process"
		if pid, err := io.ReadAll(io.LimitReader(f, 32)); err == nil {
			if n, err := strconv.Atoi(strings.TrimSpace(string(pid))); err == nil {
				owner = "process " + strconv.Itoa(n)
			}
		}
		return nil, fmt.Errorf("%w: %s is used by %s; stop it or choose another directory", ErrLocked, dir, owner)
	}
	// The process id is a help for people; the lock holds without it.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return &directoryLock{file: f}, nil
}

// LockDirectory takes the lock of a data directory that is not opened, so that no host starts on it meanwhile. The error is
// ErrLocked when one runs.
func LockDirectory(dir string) (release func() error, err error) {
	lock, err := lockDirectory(dir)
	if err != nil {
		return nil, err
	}
	return lock.release, nil
}

// release gives the lock up. Repeatable.
func (l *directoryLock) release() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
