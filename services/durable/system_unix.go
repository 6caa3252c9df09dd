//go:build unix

package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// noFollow has a file not opened through a symbolic link.
const noFollow = syscall.O_NOFOLLOW

// SyncDir makes the names in a directory durable: without it a file that was created or renamed may be gone after a power
// failure although its content was fsynced.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Lock has an open file for this process alone until Unlock, or until the process ends. Where somebody else has it, it does not
// wait: the error is ErrLocked.
func Lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrLocked
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return nil
}

// Unlock ends the lock of a file and closes it. Closing alone would not: a program that this process is starting has a copy of
// every open file until it executes, and with it the lock.
func Unlock(f *os.File) error {
	return errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_UN), f.Close())
}

// Own gives a file that root has made to the owner of the directory that it stands in: a command of root would keep the user out
// that a host runs as. For everybody else, and where the owners are the same, it does nothing.
func Own(f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	dir, err := os.Stat(filepath.Dir(f.Name()))
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	wanted, known := dir.Sys().(*syscall.Stat_t)
	has, also := info.Sys().(*syscall.Stat_t)
	if !known || !also || has.Uid == wanted.Uid && has.Gid == wanted.Gid {
		return nil
	}
	return f.Chown(int(wanted.Uid), int(wanted.Gid))
}

func makeDir(dir string) error { return os.Mkdir(dir, 0o700) }

func rename(from, to string) error { return os.Rename(from, to) }

func link(from, to string) error { return os.Link(from, to) }

// Lost reports whether an error of reading says that the disk has lost what stood there.
func Lost(err error) bool { return errors.Is(err, syscall.EIO) }

// noRoom reports whether the system says that a disk has no room, or that this file may not grow.
func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
