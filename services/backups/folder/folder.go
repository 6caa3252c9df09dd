// Package folder keeps backups in a folder of this machine: another disk, or a share that is mounted.
//
// A backup has its name only once it is whole and on the disk; what a crash leaves of one has another name, which Tidy takes away. A failed
// write or fsync is told, never tried again on that file: the next try begins another one.
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

// Folder is a place of backups. The folder must be there: what is to be a mounted disk must not be made on the disk below it.
type Folder struct{ path string }

// New gives the place. Nothing is looked at.
func New(path string) *Folder { return &Folder{path: path} }

// String names it for people.
func (f *Folder) String() string { return f.path }

func (f *Folder) there() error {
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is not there: mount it, or make it, for the user that hotpair runs as", f.path)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no folder", f.path)
	}
	return nil
}

// Put keeps what r gives under a name, whole or not at all.
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

// onlyWriter hides that a file could read by itself: what is read is counted.
type onlyWriter struct{ io.Writer }

// Open reads one, from the disk as far as the system lets us say so: what was written a moment ago would come out of memory.
func (f *Folder) Open(_ context.Context, name string) (io.ReadCloser, error) {
	file, err := regular.Open(filepath.Join(f.path, name))
	if err != nil {
		return nil, err
	}
	_ = unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED) // a share may not know it: then it is read as it comes
	return file, nil
}

// List gives the names that begin so, with their sizes.
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

// Tidy takes away what was begun and not finished, of names that are ours to take away.
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
