package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/durable"
)

// directoryLock keeps a second process out of a data directory. The kernel gives it up when the process ends.
type directoryLock struct{ file *os.File }

// lockDirectory takes the lock or names its holder. made: the file did not exist before. The error is ErrLocked.
func lockDirectory(dir string) (l *directoryLock, made bool, err error) {
	path := filepath.Join(dir, "lock")
	for {
		_, err := os.Lstat(path)
		made := errors.Is(err, fs.ErrNotExist)
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, false, err
		}
		if err := durable.Own(f); err != nil {
			return nil, false, errors.Join(err, f.Close())
		}
		if err := durable.Lock(f); err != nil {
			defer f.Close()
			if !errors.Is(err, durable.ErrLocked) {
				return nil, false, err
			}
			owner := "another process"
			if pid, err := io.ReadAll(io.LimitReader(f, 32)); err == nil {
				if n, err := strconv.Atoi(strings.TrimSpace(string(pid))); err == nil {
					owner = "process " + strconv.Itoa(n)
				}
			}
			return nil, false, fmt.Errorf("%w: %s is used by %s; stop it or choose another directory", ErrLocked, dir, owner)
		}
		if !names(path, f) {
			// Its previous holder has removed the file meanwhile, so the locked file has no name.
			_ = durable.Unlock(f)
			continue
		}
		// The process id is a help for people; the lock holds without it.
		if err := f.Truncate(0); err == nil {
			_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
		}
		return &directoryLock{file: f}, made, nil
	}
}

// names reports whether path is still the name of an open file.
func names(path string, f *os.File) bool {
	there, err := os.Stat(path)
	if err != nil {
		return false
	}
	held, err := f.Stat()
	return err == nil && os.SameFile(there, held)
}

// Hold is a data directory that is locked without being opened, so that no host starts on it meanwhile.
type Hold struct {
	lock *directoryLock
	made bool
}

// HoldDirectory takes the lock of a data directory. The error is ErrLocked when a host runs there.
func HoldDirectory(dir string) (*Hold, error) {
	lock, made, err := lockDirectory(dir)
	if err != nil {
		return nil, err
	}
	return &Hold{lock, made}, nil
}

// Release releases the lock and keeps its file.
func (h *Hold) Release() error { return h.lock.release() }

// Undo releases the lock, and removes its file if HoldDirectory made it.
func (h *Hold) Undo() error {
	var err error
	if h.made && h.lock.file != nil {
		err = os.Remove(h.lock.file.Name())
	}
	return errors.Join(err, h.lock.release())
}

// release gives the lock up. Repeatable.
func (l *directoryLock) release() error {
	if l.file == nil {
		return nil
	}
	err := durable.Unlock(l.file)
	l.file = nil
	return err
}
