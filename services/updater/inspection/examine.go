package inspection

import (
	"context"
	"errors"
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

// tryWithin bounds the writes: a disk that hangs is one that takes no writes.
const tryWithin = 2 * time.Second

// examine answers bus.Examine. It runs beside the term and takes no part in it: whoever may look may ask for it, so what it finds out harms
// nothing.
func (i *Inspector) examine(ctx context.Context, _ bus.Examine) (bus.Examined, error) {
	e := bus.Examined{Needed: i.config.Needed, PairTime: i.config.Updater.PairTime(), Forgotten: i.config.Store.Forgotten()}
	took := make([]time.Duration, 0, syncs)
	for range syncs {
		once, err := i.tryDisk(ctx)
		if err != nil {
			e.Unfit = err.Error()
			break
		}
		took = append(took, once)
	}
	if err := i.config.Disk.Look(); err != nil { // says more than what failed for it
		e.Unfit = err.Error()
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
	return e, nil
}

// tryDisk makes one write and waits for it no longer than tryWithin. One that hangs is left to its end; the next one waits behind it.
func (i *Inspector) tryDisk(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, tryWithin, errHangs)
	defer cancel()
	type result struct {
		took time.Duration
		err  error
	}
	done := make(chan result, 1)
	go func() {
		took, err := i.config.Disk.Write(ctx)
		done <- result{took, err}
	}()
	select {
	case r := <-done:
		return r.took, r.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

var errHangs = errors.New("the disk did not complete a small write in time")

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
			problems = append(problems, fmt.Sprintf("%s is writable by others (mode %o)", path, mode))
		case entry.IsDir() && mode&0o700 != 0o700, !entry.IsDir() && mode&0o600 != 0o600:
			problems = append(problems, fmt.Sprintf("%s is not writable by its owner (mode %o)", path, mode))
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
