package dev

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/scaffold/folder"
)

const (
	// lookEvery is how often files are checked: often enough to notice a save at once, while checking a folder of
	// MaxFiles takes some ms.
	lookEvery = 300 * time.Millisecond
	// MaxFiles bounds the number of checked files and folders.
	MaxFiles = 10_000
)

// ErrTooMany says that a folder is too large to be watched.
var ErrTooMany = errors.New("too many files to watch")

// skipped are folders without handwritten files.
var skipped = []string{"node_modules", "__pycache__", "bin", "dist", "build", "target", "vendor"}

// stamp identifies the state of a file.
type stamp struct {
	changed time.Time
	size    int64
	mode    fs.FileMode
}

// tree is the state of a service's folder, by path.
type tree map[string]stamp

// look checks all files that count. It skips folders that begin with a dot, and files that disappear meanwhile. The
// error is ErrTooMany, or that of the folder itself.
func look(s folder.Service) (tree, error) {
	found, seen := tree{}, 0
	err := filepath.WalkDir(s.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil && path == s.Dir {
			return fmt.Errorf("folder of %s: %w", s.Name, err)
		}
		if err != nil {
			return nil //nolint:nilerr // it is gone, or can't be read: then it is not there
		}
		if seen++; seen > MaxFiles {
			return fmt.Errorf("%w: %s has more than %d: give the folder of the service only, or move other files out of it",
				ErrTooMany, s.Dir, MaxFiles)
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != s.Dir && (strings.HasPrefix(name, ".") || slices.Contains(skipped, name)) {
				return fs.SkipDir
			}
			return nil
		}
		if path == s.Program() && len(s.Build) > 0 && len(s.Watch) == 0 || strings.HasPrefix(name, ".") || !s.Watches(name) {
			return nil // build results are no reason to build
		}
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			found[path] = stamp{info.ModTime(), info.Size(), info.Mode()}
		}
		return nil
	})
	return found, err
}

// difference names a changed file; "" for none.
func (t tree) difference(was tree) string {
	var paths []string
	for path, s := range t {
		if old, ok := was[path]; !ok || old != s {
			paths = append(paths, path)
		}
	}
	for path := range was {
		if _, ok := t[path]; !ok {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return ""
	}
	return slices.Min(paths)
}

// watch reports each change once no further changes follow: editors write several files, and some in steps. It ends
// with ctx.
func watch(ctx context.Context, s folder.Service, every time.Duration, was tree, tell func(file string), complain func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	last, said := was, ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, err := look(s)
		if err != nil {
			if said != err.Error() {
				said = err.Error()
				complain(err)
			}
			continue
		}
		said = ""
		still := now.difference(last) == ""
		last = now
		if file := now.difference(was); still && file != "" {
			was = now
			if near, err := filepath.Rel(s.Dir, file); err == nil {
				file = near
			}
			tell(file)
		}
	}
}
