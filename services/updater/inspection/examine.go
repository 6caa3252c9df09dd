package inspection

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/bus"
)

// syncs is how many durable writes are measured: one may be slow by chance.
const syncs = 5

// examine answers bus.Examine. It runs beside the term and takes no part in it.
func (i *Inspector) examine(context.Context, bus.Examine) (bus.Examined, error) {
	var failed error
	e := bus.Examined{Needed: i.config.Needed}
	took := make([]time.Duration, 0, syncs)
	for range syncs {
		began := time.Now()
		if err := i.config.Store.TestWrite(); err != nil {
			i.config.Updater.Failed(err)
			failed = err
			break
		}
		took = append(took, time.Since(began))
	}
	if len(took) > 0 {
		slices.Sort(took)
		e.Sync = took[len(took)/2]
	}
	var s unix.Statfs_t
	if err := unix.Statfs(i.config.Data, &s); err != nil {
		e.Problems = append(e.Problems, err.Error())
	} else {
		e.Free = s.Bavail * uint64(s.Bsize)
	}
	e.Problems = append(e.Problems, permissions(i.config.Data)...)
	return e, failed
}

// permissions says what is wrong with who may read and write the files of a data directory.
func permissions(dir string) (problems []string) {
	uid := os.Getuid()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			problems = append(problems, err.Error())
			return nil
		}
		if depth(dir, path) > 1 {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil // the journal's own files come and go
		}
		info, err := entry.Info()
		if err != nil {
			return nil // gone meanwhile
		}
		mode := info.Mode().Perm()
		owner, known := ownerOf(info)
		switch {
		case known && owner != uid:
			problems = append(problems, fmt.Sprintf("%s belongs to user %d, this process runs as %d", path, owner, uid))
		case mode&0o022 != 0:
			problems = append(problems, fmt.Sprintf("%s may be written by others (mode %o)", path, mode))
		case entry.IsDir() && mode&0o700 != 0o700, !entry.IsDir() && mode&0o600 != 0o600:
			problems = append(problems, fmt.Sprintf("%s can't be written by its owner (mode %o)", path, mode))
		}
		return nil
	})
	if err != nil {
		problems = append(problems, err.Error())
	}
	return problems
}

func depth(dir, path string) int {
	relative, err := filepath.Rel(dir, path)
	if err != nil || relative == "." {
		return 0
	}
	n := 1
	for _, r := range relative {
		if r == filepath.Separator {
			n++
		}
	}
	return n
}

// ownerOf gives the user that a file belongs to.
func ownerOf(info fs.FileInfo) (int, bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(s.Uid), true
}
