package maker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/pace"
)

const (
	// pieceWithin bounds one piece: the updater reads it in milliseconds.
	pieceWithin = 30 * time.Second
	// share is the pause after a piece, as a multiple of its time: terminals take precedence.
	share = 1
	// stretch is how much is written before it is flushed to the disk: a large amount at once would delay every
	// fsync.
	stretch = 8 << 20

	// Space that a host needs free on the disk of its data, so that a backup never prevents a takeover: the bound of
	// disk-nearly-full, and a quarter more.
	leastFree = 256 << 20
	mostFree  = 4 << 30
	freePart  = 20 // of the disk
	smallPart = 4  // on a disk so small that leastFree would be most of it
)

// ErrRoom says that there is no room to make a backup.
var ErrRoom = errors.New("too little room")

// read writes the database into a file, piece by piece.
func (m *Maker) read(ctx context.Context, g *guard, path string, try bool) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	page, err := m.piece(ctx, bus.BackupOrder{})
	if err != nil {
		return err
	}
	session := page.Session
	defer func() {
		if err != nil { // the updater keeps history for it meanwhile
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterEnd)
			defer cancel()
			_, _ = m.Source.Piece(last, bus.BackupOrder{Session: session, Abandon: true})
		}
	}()
	// Restored it is larger: pages are half full, and the history is there a second time.
	wanted := page.Size + page.Size/4
	if try {
		wanted += 3 * page.Size
	}
	room, err := m.room()
	if err != nil {
		return err
	}
	if room < wanted {
		return fmt.Errorf("%w in %s: about %d MiB are needed, but %d MiB are free: make room, or set HOTPAIR_BACKUP_WORK to a folder on another disk", ErrRoom, m.Work, wanted>>20+1, max(room, 0)>>20)
	}
	out := &stretches{file: file}
	for piece := uint64(1); ; piece++ {
		began := time.Now()
		if err := out.write(page.Bytes); err != nil {
			return err
		}
		g.moved()
		if page.Last {
			return out.settle()
		}
		if out.far() {
			if room, err = m.room(); err == nil && room <= 0 {
				err = fmt.Errorf("%w in %s: the disk of the host's data became full", ErrRoom, m.Work)
			}
			if err != nil {
				return err
			}
		}
		if page, err = m.piece(ctx, bus.BackupOrder{Session: session, Piece: piece}); err != nil {
			return err
		}
		if err := pace.Rest(ctx, share*time.Since(began)); err != nil {
			return context.Cause(ctx)
		}
	}
}

func (m *Maker) piece(ctx context.Context, q bus.BackupOrder) (bus.BackupPage, error) {
	ctx, cancel := context.WithTimeout(ctx, pieceWithin)
	defer cancel()
	page, err := m.Source.Piece(ctx, q)
	if err != nil {
		return page, fmt.Errorf("updater: %w", err)
	}
	return page, nil
}

// room is how much may be written in the folder in which backups are made.
func (m *Maker) room() (int64, error) {
	var work unix.Statfs_t
	if err := unix.Statfs(m.Work, &work); err != nil {
		return 0, fmt.Errorf("%s: %w", m.Work, err)
	}
	free := int64(work.Bavail) * int64(work.Bsize)
	var own, data unix.Stat_t
	if err := errors.Join(unix.Stat(m.Work, &own), unix.Stat(filepath.Clean(m.Data), &data)); err != nil || own.Dev != data.Dev {
		return free, err
	}
	size := int64(work.Blocks) * int64(work.Bsize)
	least := min(max(leastFree, min(mostFree, size/freePart)), size/smallPart)
	return free - least - least/4, nil
}

// stretches writes a file and flushes it to the disk bit by bit.
type stretches struct {
	file    *os.File
	written int64
	sent    int64 // being flushed
	seen    int64 // position of the last check of the room
}

func (s *stretches) write(b []byte) error {
	n, err := s.file.Write(b)
	s.written += int64(n)
	if err == nil && s.written-s.sent >= stretch {
		err = s.settle()
	}
	return err
}

// settle waits until the data are on the disk, and drops them from memory. It is not an fsync: the file is temporary.
// Where a file system does not support it, it does nothing.
func (s *stretches) settle() error {
	fd, n := int(s.file.Fd()), s.written-s.sent
	err := unix.SyncFileRange(fd, s.sent, n, unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
	s.sent = s.written
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.ESPIPE), errors.Is(err, unix.EPERM):
		return nil
	}
	return fmt.Errorf("write %s: %w", s.file.Name(), err)
}

// far reports whether the room has to be checked again.
func (s *stretches) far() bool {
	if s.written-s.seen < 8*stretch {
		return false
	}
	s.seen = s.written
	return true
}
