package disk

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/bus"
)

const (
	// SpaceLeast is how much a disk must have free for a host to be fit (T4): room for the journal's next blocks, for the
	// database to grow while an operator makes room.
	SpaceLeast = 64 << 20
	// inodesLeast is how many files more it must take: blocks of the journal and their indexes, what replaces facts.
	inodesLeast = 64
)

// room is what a file system says of itself.
type room struct {
	bus.DiskSpace
	files, inodes uint64 // there can be, and are free; no files: it has no such bound
	readOnly      bool
}

func roomOn(dir string) (room, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return room{}, fmt.Errorf("the file system of %s can't be inspected: %w", dir, err)
	}
	return room{
		DiskSpace: bus.DiskSpace{Size: s.Blocks * uint64(s.Bsize), Free: s.Bavail * uint64(s.Bsize)},
		files:     s.Files, inodes: s.Ffree, readOnly: s.Flags&unix.ST_RDONLY != 0,
	}, nil
}

// lacks says what is wrong with the room on the file system of dir; "" when nothing is.
func (r room) lacks(dir string) string {
	switch {
	case r.readOnly:
		return "the file system of " + dir + " is read-only"
	case r.files > 0 && r.inodes < inodesLeast:
		return fmt.Sprintf("out of inodes on the file system of %s: %d of %d are free, at least %d are needed", dir, r.inodes, r.files, inodesLeast)
	case r.Free < SpaceLeast:
		return fmt.Sprintf("%s has %d MiB free, at least %d are needed", dir, r.Free>>20, SpaceLeast>>20)
	}
	return ""
}
