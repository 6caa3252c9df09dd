package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/hotpair/hotpair/services/rights"
)

// noFollow is nothing here: only administrators make symbolic links.
const noFollow = 0

// SyncDir makes the names in a directory durable. Names are in the journal of NTFS, and a rename is written through (rename); a flush of the
// directory brings that to the disk also for a file that was created. File systems that have no such flush refuse it, and have nothing to
// flush that way.
func SyncDir(dir string) error {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return &fs.PathError{Op: "sync", Path: dir, Err: err}
	}
	h, err := windows.CreateFile(name, windows.GENERIC_WRITE, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil,
		windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return &fs.PathError{Op: "sync", Path: dir, Err: err}
	}
	err = windows.FlushFileBuffers(h)
	for _, has := range []error{windows.ERROR_INVALID_FUNCTION, windows.ERROR_NOT_SUPPORTED, windows.ERROR_ACCESS_DENIED, windows.ERROR_INVALID_HANDLE} {
		if errors.Is(err, has) {
			err = nil
		}
	}
	if err = errors.Join(err, windows.CloseHandle(h)); err != nil {
		return &fs.PathError{Op: "sync", Path: dir, Err: err}
	}
	return nil
}

// locked is where the byte lies that is locked. Locks are mandatory here: it is far behind what anybody reads or writes.
const locked = 1 << 62

// Lock has an open file for this process alone until Unlock, or until the process ends. Where somebody else has it, it does not
// wait: the error is ErrLocked.
func Lock(f *os.File) error {
	at := windows.Overlapped{OffsetHigh: locked >> 32}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return ErrLocked
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return nil
}

// Unlock ends the lock of a file and closes it.
func Unlock(f *os.File) error { return f.Close() }

// Own does nothing: what is made in a directory has the rights that the directory hands down.
func Own(*os.File) error { return nil }

// makeDir makes a directory for this user, the system and administrators only, and for whoever may look into the directory that it stands in,
// where that is as closed.
func makeDir(dir string) error {
	if closed, err := rights.ClosedDir(filepath.Dir(dir)); err == nil && closed {
		return os.Mkdir(dir, 0o700)
	}
	only, err := rights.OwnerOnly()
	if err != nil {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	name, err := windows.UTF16PtrFromString(dir)
	if err == nil {
		err = windows.CreateDirectory(name, &windows.SecurityAttributes{Length: uint32(unsafe.Sizeof(windows.SecurityAttributes{})), SecurityDescriptor: only})
	}
	if err != nil {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	return nil
}

// rename returns when the new name is on the disk.
func rename(from, to string) error {
	return move(from, to, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH)
}

// link gives the name itself: not every file system has a second name for a file, and the first one is not needed any more.
func link(from, to string) error { return move(from, to, windows.MOVEFILE_WRITE_THROUGH) }

func move(from, to string, flags uint32) error {
	old, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	name, err := windows.UTF16PtrFromString(to)
	if err == nil {
		err = windows.MoveFileEx(old, name, flags)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// Lost reports whether an error of reading says that the disk has lost what stood there.
func Lost(err error) bool {
	return errors.Is(err, windows.ERROR_CRC) || errors.Is(err, windows.ERROR_SECTOR_NOT_FOUND) || errors.Is(err, windows.ERROR_IO_DEVICE)
}

// noRoom reports whether the system says that a disk has no room.
func noRoom(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) || errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}
