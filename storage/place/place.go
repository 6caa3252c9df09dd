// Package place puts a host's data into a directory that exists already: it may be a mount point, be below a parent
// that only root may write to, or be named by a symbolic link. So nothing is ever renamed over the directory itself.
// The new content is built in a folder within, then moved in; the folder goes last, and while it is there no process
// takes the directory for a host's data: [Whole] refuses it, with what to do.
//
//	building   restoring/new fills; what was there is untouched
//	moving     restoring/moving names the folder that takes what was there; it goes there first, then the new comes in
//	whole      restoring is gone
package place

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/services/durable"
)

const (
	folder = "restoring"        // in the directory, while something is under way
	done   = "restoring.done"   // the remains of a completed restore
	built  = "new"              // in folder: what is to come
	moving = "moving"           // in folder: the name of the folder that takes what was there
	before = "before-"          // begins that name
	lock   = "lock"             // the directory's own, held by whoever restores
	found  = "lost+found"       // of the file system
	stamp  = "20060102T150405Z" // in it
)

var (
	// ErrUnfinished says that something was to be put into a directory, and that was cut off.
	ErrUnfinished = errors.New("a restore into this directory was interrupted")
	// ErrOccupied says that a directory holds something that was not given up.
	ErrOccupied = errors.New("the directory is not empty")
	// ErrNoDirectory says that a path names something else than a directory.
	ErrNoDirectory = errors.New("not a directory")
)

// Resolve returns the path of a directory without symbolic links; neither it nor its parents need exist. The error is
// ErrNoDirectory for a link to nothing, and for a path that is not a directory.
func Resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	switch {
	case err == nil:
		info, err := os.Stat(real)
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%w: %s", ErrNoDirectory, real)
		}
		return real, err
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	if to, err := os.Readlink(path); err == nil {
		return "", fmt.Errorf("%w: %s is a symbolic link to %s, which does not exist: make that directory, or name another", ErrNoDirectory, path, to)
	}
	parent, err := Resolve(filepath.Dir(path))
	return filepath.Join(parent, filepath.Base(path)), err
}

// Whole refuses a directory in which a restore is unfinished. The error is ErrUnfinished, with what is
// where and what to do.
func Whole(dir string) error {
	if _, err := os.Lstat(filepath.Join(dir, folder)); err != nil {
		return nil // not there, or not to be looked at: then nothing else is either
	}
	name, err := os.ReadFile(filepath.Join(dir, folder, moving))
	switch {
	case err != nil:
		return fmt.Errorf("%w while it was built; the previous content of %s is untouched: restore again, or remove %s to keep that content",
			ErrUnfinished, dir, filepath.Join(dir, folder))
	case len(name) == 0:
		return fmt.Errorf("%w while it was moved in: restore again, with --aside", ErrUnfinished)
	}
	return fmt.Errorf("%w while it was moved in: restore again, with --aside; the previous content of %s is in %s, except files that were not moved yet",
		ErrUnfinished, dir, filepath.Join(dir, string(name)))
}

// Occupied returns the content of a directory that a restore would replace: not what belongs to its file system or its
// lock, not what an earlier restore has moved away or left unfinished.
func Occupied(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !slices.Contains([]string{folder, done, lock, found}, e.Name()) && !strings.HasPrefix(e.Name(), before) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Make makes a directory with its parents, durably, and returns those it made, the innermost first.
func Make(dir string) (made []string, err error) {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(at); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made = append(made, at)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return made, err
	}
	for _, m := range made {
		if err := durable.SyncDir(filepath.Dir(m)); err != nil {
			return made, err
		}
	}
	return made, nil
}

// Site is one restore into a directory. Its user holds the directory's lock.
type Site struct {
	dir   string
	step  func(name string) error // tests are cut off at one with it
	moved bool
}

// Begin begins a restore, and removes what an unfinished one has left: it was built from something that still exists.
// cutOff, if not nil, is told of each step before it is taken, and ends everything there by an error, as a crash would.
func Begin(dir string, cutOff func(step string) error) (*Site, error) {
	s := &Site{dir: dir, step: cutOff}
	if s.step == nil {
		s.step = func(string) error { return nil }
	}
	for _, left := range []string{folder, done} {
		if err := os.RemoveAll(filepath.Join(dir, left)); err != nil {
			return nil, err
		}
	}
	if err := s.step("begin"); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.Build(), 0o700); err != nil {
		return nil, err
	}
	return s, errors.Join(durable.SyncDir(filepath.Join(dir, folder)), durable.SyncDir(dir))
}

// Build is the folder in which the data are built.
func (s *Site) Build() string { return filepath.Join(s.dir, folder, built) }

// Abandon removes what was built, unless moving in has begun.
func (s *Site) Abandon() error {
	if s.moved {
		return nil
	}
	return errors.Join(os.RemoveAll(filepath.Join(s.dir, folder)), durable.SyncDir(s.dir))
}

// Settle moves the old content away, if that is allowed, and moves in what was built. It returns the folder with the
// old content, "" when there was nothing. The error is ErrOccupied when something came to be there meanwhile.
func (s *Site) Settle(allowed bool, now time.Time) (before string, err error) {
	old, err := Occupied(s.dir)
	if err != nil {
		return "", err
	}
	if len(old) > 0 && !allowed {
		return "", fmt.Errorf("%w: %s holds %s", ErrOccupied, s.dir, Named(old))
	}
	// Removed by us or not: the lock of what was built is nobody's.
	if err := os.Remove(filepath.Join(s.Build(), lock)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := s.ownAs(); err != nil {
		return "", err
	}
	if err := syncTree(s.Build()); err != nil {
		return "", err
	}
	name := ""
	if len(old) > 0 {
		if before, name, err = s.makeBefore(now); err != nil {
			return "", err
		}
	}
	steps := []func() error{func() error { return s.note(name) }}
	for _, e := range old {
		steps = append(steps, func() error { return durable.Rename(filepath.Join(s.dir, e), filepath.Join(before, e)) })
	}
	fresh, err := os.ReadDir(s.Build())
	if err != nil {
		return "", err
	}
	for _, e := range fresh {
		steps = append(steps, func() error {
			return durable.Rename(filepath.Join(s.Build(), e.Name()), filepath.Join(s.dir, e.Name()))
		})
	}
	steps = append(steps,
		func() error { return durable.Rename(filepath.Join(s.dir, folder), filepath.Join(s.dir, done)) },
		func() error { return os.RemoveAll(filepath.Join(s.dir, done)) })
	for n, take := range steps {
		if err := s.step(fmt.Sprintf("settle %d of %d", n, len(steps))); err != nil {
			return before, err
		}
		s.moved = true
		if err := take(); err != nil {
			return before, err
		}
	}
	return before, nil
}

// note says durably that moving in begins.
func (s *Site) note(name string) error {
	return durable.Write(filepath.Join(s.dir, folder, moving), []byte(name))
}

// makeBefore makes the folder that takes what was there, of its owner.
func (s *Site) makeBefore(now time.Time) (path, name string, err error) {
	base := before + now.UTC().Format(stamp)
	name = base
	for n := 2; ; n++ {
		path = filepath.Join(s.dir, name)
		if err = os.Mkdir(path, 0o700); !errors.Is(err, fs.ErrExist) {
			break
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
	if err == nil {
		err = s.give(path)
	}
	if err == nil {
		err = durable.SyncDir(s.dir)
	}
	return path, name, err
}

// ownAs gives what was built to the owner of the directory: root restores, another user runs the host.
func (s *Site) ownAs() error {
	return filepath.WalkDir(s.Build(), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return s.give(path)
	})
}

// give gives one file to the owner of the directory.
func (s *Site) give(path string) error {
	info, err := os.Stat(s.dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return os.Lchown(path, int(owner.Uid), int(owner.Gid))
}

// syncTree makes all names below a directory durable; whoever wrote the files has synced them.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return durable.SyncDir(path)
	})
}

// Named lists some of the names.
func Named(names []string) string {
	if len(names) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}
