// Package durable puts files in place so that no crash can leave half of one. Whoever reads a name finds what stood there
// before, or all that was to stand there, also after a power failure at any moment; and when a function here has
// returned nil, it is the latter.
//
// That takes four steps, always the same and each for a reason: the content is written under another name, or a reader
// could see a part; it is fsynced, or the new name could be on the disk before the content is, which reads as an empty file;
// it gets its name in one step; and the directory is fsynced, or the name could be gone again.
//
// A failed write or fsync is told and never tried again (R8): what the kernel could not write it may have dropped, and
// a second fsync would succeed without it. The file in the making is removed then, and the name has what it had.
//
// What differs between systems is in files of their own: how a disk is told to flush, how a name is made durable, and how a file is locked.
package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrLocked says that somebody else has a file that is to be had alone.
var ErrLocked = errors.New("the file is used by another process")

// making is what the name of a file in the making ends with.
const making = ".new"

// Write replaces the file at path, or makes it, readable by its owner only. One writer of a name at a time: what it makes
// under the other name is overwritten by the next one, so that no number of crashes leaves more than one such file.
func Write(path string, data []byte) error { return write(machine{}, path, data) }

func write(disk disk, path string, data []byte) error {
	to, err := disk.Open(Making(path))
	if err != nil {
		return err
	}
	f := &File{disk: disk, to: to, name: Making(path), path: path}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Replace()
}

// File is one in the making. It has its name once Replace or Create has returned nil; otherwise Discard takes it away.
type File struct {
	disk  disk
	to    file
	name  string // for as long as it is made
	path  string
	ended bool
}

// InTheMaking reports whether a name is one of a file in the making. A process that was killed may leave such a file, which nobody needs.
func InTheMaking(name string) bool {
	_, begun := Begun(name)
	return begun || strings.HasSuffix(name, making)
}

// Making is the name under which Write makes what is to stand at path.
func Making(path string) string { return path + making }

// Begun reports whether a name is one of what Begin or BeginDir makes, and the name that it was to get.
func Begun(name string) (of string, begun bool) {
	of, _, begun = strings.Cut(name, making+"-")
	return of, begun
}

// begins is the pattern of such names.
func begins(path string) string { return filepath.Base(path) + making + "-*" }

// BeginDir makes a directory in which is made what is to stand at path, for its owner only. Rename gives it its name, once its files are on the disk.
func BeginDir(path string) (string, error) { return os.MkdirTemp(filepath.Dir(path), begins(path)) }

// Begin makes a file that is to stand at path, readable by its owner only. Several may be in the making for one path.
func Begin(path string) (*File, error) { return begin(machine{}, path) }

func begin(disk disk, path string) (*File, error) {
	to, name, err := disk.OpenOneOf(filepath.Dir(path), begins(path))
	if err != nil {
		return nil, err
	}
	return &File{disk: disk, to: to, name: name, path: path}, nil
}

// Name is where the file stands while it is made.
func (f *File) Name() string { return f.name }

// Write writes behind what was written.
func (f *File) Write(p []byte) (int, error) { return f.to.Write(p) }

// Flush brings what was written to the disk, and nothing can be written any more: so it can be checked before it gets its name.
func (f *File) Flush() error {
	if f.ended {
		return nil
	}
	f.ended = true
	return errors.Join(f.to.Sync(), f.to.Close())
}

// Replace gives the file its name, whatever stands there.
func (f *File) Replace() error { return f.place(f.disk.Rename) }

// Create gives the file its name if nothing stands there: otherwise the error is fs.ErrExist.
func (f *File) Create() error { return f.place(f.disk.Link) }

func (f *File) place(name func(from, to string) error) error {
	if err := f.Flush(); err != nil {
		return errors.Join(err, f.Discard())
	}
	if err := name(f.name, f.path); err != nil {
		return errors.Join(err, f.Discard())
	}
	return errors.Join(f.disk.SyncDir(filepath.Dir(f.path)), f.Discard())
}

// Discard takes away what has not got its name. Repeatable, also after Replace and Create.
func (f *File) Discard() error {
	var err error
	if !f.ended {
		f.ended = true
		err = f.to.Close()
	}
	if gone := f.disk.Remove(f.name); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

// Rename gives another name to a file or a directory whose content is on the disk already. Both names stand in directories of
// one file system.
func Rename(from, to string) error {
	if err := rename(from, to); err != nil {
		return err
	}
	err := SyncDir(filepath.Dir(to))
	if filepath.Dir(from) != filepath.Dir(to) {
		err = errors.Join(err, SyncDir(filepath.Dir(from)))
	}
	return err
}

// MakeDir makes a directory with its parents, as far as they are missing, so that their names are durable too. Only its owner may look into it.
func MakeDir(dir string) error {
	dir = filepath.Clean(dir)
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MakeDir(parent); err != nil {
			return err
		}
	}
	if err := makeDir(dir); err != nil {
		if info, there := os.Stat(dir); there == nil && info.IsDir() {
			return nil // somebody else was quicker
		}
		return err
	}
	return SyncDir(parent)
}

// disk is what the steps need of a file system. Tests stop the machine between any two of them.
type disk interface {
	Open(path string) (file, error)
	OpenOneOf(dir, pattern string) (file, string, error)
	Rename(from, to string) error
	Link(from, to string) error
	Remove(path string) error
	SyncDir(dir string) error
}

type file interface {
	io.Writer
	Sync() error
	Close() error
}

// machine is this machine's.
type machine struct{}

func (machine) Open(path string) (file, error) {
	// Whoever may write to the directory can't lead root elsewhere by a symbolic link.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|noFollow, 0o600)
	if err != nil {
		return nil, err
	}
	return owned(f)
}

// owned gives a file to whom the directory belongs, or closes it.
func owned(f *os.File) (file, error) {
	if err := Own(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (machine) OpenOneOf(dir, pattern string) (file, string, error) {
	f, err := os.CreateTemp(dir, pattern) // mode 0600
	if err != nil {
		return nil, "", err
	}
	to, err := owned(f)
	if err != nil {
		return nil, "", errors.Join(err, os.Remove(f.Name()))
	}
	return to, f.Name(), nil
}

func (machine) Rename(from, to string) error { return rename(from, to) }

func (machine) Link(from, to string) error { return link(from, to) }

func (machine) Remove(path string) error { return os.Remove(path) }

func (machine) SyncDir(dir string) error { return SyncDir(dir) }

// Full tells a disk without room from one that fails: an error of a write, not of a flush, after which nobody knows what is on the disk.
func Full(err error) bool {
	if !noRoom(err) {
		return false
	}
	var system *fs.PathError
	var named *os.LinkError
	return errors.As(err, &named) || errors.As(err, &system) && system.Op != "sync" && system.Op != "fsync"
}
