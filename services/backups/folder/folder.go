// Package folder keeps backups in a folder of this machine: on another disk, or on a mounted share.
//
// A backup has its name only once it is complete and on the disk; an interrupted one has another name, which Tidy
// removes. A failed write or fsync is reported and never repeated on that file: the next try starts another one.
package folder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/regular"
)

// Folder is a place of backups. The folder must exist: it could otherwise be created on the disk below a missing
// mount.
type Folder struct{ path string }

// New returns the place. It checks nothing.
func New(path string) *Folder { return &Folder{path: path} }

// String names it for people.
func (f *Folder) String() string { return f.path }

func (f *Folder) there() error {
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist: mount it, or create it with access for the user that hotpair runs as", f.path)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no folder", f.path)
	}
	return nil
}

// Put stores the content of r under a name, completely or not at all.
func (f *Folder) Put(ctx context.Context, name string, _ int64, r io.Reader) error {
	if err := f.there(); err != nil {
		return err
	}
	file, err := durable.Begin(filepath.Join(f.path, name))
	if err != nil {
		return err
	}
	if _, err = io.CopyBuffer(onlyWriter{file}, r, make([]byte, 1<<20)); err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return errors.Join(err, file.Discard())
	}
	return file.Replace()
}

// onlyWriter hides ReadFrom of the file, so that the read bytes are counted.
type onlyWriter struct{ io.Writer }

// Open reads a backup, from the disk as far as the system allows: otherwise recently written data would come from
// memory.
func (f *Folder) Open(_ context.Context, name string) (io.ReadCloser, error) {
	file, err := regular.Open(filepath.Join(f.path, name))
	if err != nil {
		return nil, err
	}
	_ = unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED) // a share may not support it: then it is read in the normal way
	return file, nil
}

// List calls tell with the names that begin with a prefix, and their sizes.
func (f *Folder) List(_ context.Context, begin string, found func(name string, bytes int64)) error {
	if err := f.there(); err != nil {
		return err
	}
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), begin) || durable.InTheMaking(e.Name()) {
			continue
		}
		info, err := e.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile
		case err != nil:
			return err
		case info.Mode().IsRegular():
			found(e.Name(), info.Size())
		}
	}
	return nil
}

// Remove removes one.
func (f *Folder) Remove(_ context.Context, name string) error {
	if err := os.Remove(filepath.Join(f.path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return durable.SyncDir(f.path)
}

// Tidy removes interrupted backups with names of this pair.
func (f *Folder) Tidy(_ context.Context, ours func(name string) bool) error {
	if err := f.there(); err != nil {
		return err
	}
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, begun := durable.Begun(e.Name())
		if !begun || !ours(name) || !e.Type().IsRegular() {
			continue
		}
		if err := os.Remove(filepath.Join(f.path, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
