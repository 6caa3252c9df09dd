package updater

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/pace"
)

// diskPace is how often the room on the disk is looked at. main is told with the next beat; nobody is woken for it.
const diskPace = 2 * time.Second

// watchDisk keeps the room on the disk of the data directory up to date, and how fast a standby's is, until ctx ends. It has a goroutine of its own: a
// file system that doesn't answer must not keep heartbeats back.
func (u *updater) watchDisk(ctx context.Context) error {
	tick := time.NewTimer(pace.Next(diskPace))
	defer tick.Stop()
	probe := u.newDiskProbe()
	defer probe.close()
	for {
		if space, err := spaceOn(u.config.Data); err == nil {
			u.disk.Store(&space)
		} else {
			u.log.Debug("the room on the disk is not known", "error", err)
		}
		probe.look(u.present().duty == standby, u.tail.End().Position)
		select {
		case <-tick.C:
			tick.Reset(pace.Next(diskPace))
		case <-ctx.Done():
			return nil
		}
	}
}

func spaceOn(dir string) (bus.DiskSpace, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return bus.DiskSpace{}, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return bus.DiskSpace{Size: s.Blocks * uint64(s.Bsize), Free: s.Bavail * uint64(s.Bsize)}, nil
}
