// Package disk tells whether the disk of a data directory would take what a term writes, before it must.
//
// It tries with a file of its own that was made beforehand and has no name, outside of journal, database and facts: so a failure
// says something and harms nothing, whoever asked for the trial, and a killed process leaves nothing.
package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/pace"
)

const (
	// Pace is how often the room is looked at, and a write is tried while updates come.
	Pace = 2 * time.Second
	// idleLooks is how many looks pass between two trials while nothing comes: so often, an idle disk is woken, and for so long
	// it can be unfit unnoticed.
	idleLooks = 5
	// hangs is how long a trial may take before the disk counts as one that takes no writes.
	hangs = 5 * time.Second
)

// ErrSync says that an fsync has failed. It is never tried again (R8): what the kernel could not write it may have dropped, and not of
// this file only.
var ErrSync = errors.New("fsync failed")

// Trial tries a disk. Its methods may be called by any number of goroutines.
type Trial struct {
	dir   string
	clock lease.Clock
	sync  func(*os.File) error
	room  func(dir string) (room, error)

	one  *semaphore.Weighted // trial at a time
	file *os.File

	mu     sync.Mutex
	space  *bus.DiskSpace
	lacks  string        // as last looked
	failed error         // of the last trial; for good when it is ErrSync
	since  time.Duration // when the trial began that runs; 0 when none does
}

// New makes a trial. Nothing is written before the first one.
func New(dir string, clock lease.Clock) *Trial {
	return &Trial{dir: dir, clock: clock, sync: func(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }, room: roomOn, one: semaphore.NewWeighted(1)}
}

// Problem says why this disk would not take what a term writes, as far as is known now; "" when nothing is. It never waits.
func (t *Trial) Problem() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch took := t.clock() - t.since; {
	case t.failed != nil:
		return cmp.Or(t.lacks, t.failed.Error())
	case t.since != 0 && took > hangs:
		return fmt.Sprintf("the disk of %s has not completed a small write for %s", t.dir, took.Round(time.Second))
	}
	return t.lacks
}

// Space is the room as last looked at; nil when it is not known.
func (t *Trial) Space() *bus.DiskSpace {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.space
}

// Look looks at the room. The error is a sentence that names the disk.
func (t *Trial) Look() error {
	r, err := t.room(t.dir)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.lacks = err.Error()
		return err
	}
	t.space = &r.DiskSpace
	if t.lacks = r.lacks(t.dir); t.lacks != "" {
		return errors.New(t.lacks)
	}
	return nil
}

// Write makes one small write durable and says how long that took. Its failure ends nothing; the error names the disk.
func (t *Trial) Write(ctx context.Context) (took time.Duration, err error) {
	if err := t.one.Acquire(ctx, 1); err != nil {
		return 0, fmt.Errorf("another trial of the disk of %s is unfinished: %w", t.dir, context.Cause(ctx))
	}
	defer t.one.Release(1)
	t.mu.Lock()
	broken := t.failed
	if errors.Is(broken, ErrSync) {
		t.mu.Unlock()
		return 0, broken
	}
	began := t.clock()
	t.since = began
	t.mu.Unlock()
	if err = t.store(); err != nil {
		err = fmt.Errorf("the disk of %s accepts no writes: %w", t.dir, err)
	}
	took = t.clock() - began
	t.mu.Lock()
	defer t.mu.Unlock()
	t.since, t.failed = 0, err
	return took, err
}

func (t *Trial) store() error {
	if t.file == nil {
		file, err := os.CreateTemp(t.dir, "trial-*")
		if err != nil {
			return err
		}
		t.file = file
		if err := os.Remove(file.Name()); err != nil {
			return err
		}
	}
	page := make([]byte, 4096)
	copy(page, time.Now().String()) // so that it is never what stands there
	if _, err := t.file.WriteAt(page, 0); err != nil {
		return err
	}
	if err := t.sync(t.file); err != nil {
		return fmt.Errorf("%w: %w", ErrSync, err)
	}
	return nil
}

// Close gives the file up.
func (t *Trial) Close() {
	if t.file != nil {
		_ = t.file.Close()
	}
}

// Host is what is watched for.
type Host struct {
	// Moved is called at each look, and says whether something was written since the one before.
	Moved func() bool
	// Took is told how long a trial took while something was written; what an idle disk takes says nothing.
	Took func(time.Duration)
	// Failed is told of an fsync that failed, once.
	Failed func(error)
	// Changed is told when there is another problem than before.
	Changed func(problem string)
}

// Watch looks at the disk, and tries it, until ctx ends. It wants a goroutine of its own: a file system that does not answer must not keep
// heartbeats back.
func (t *Trial) Watch(ctx context.Context, h Host) error {
	tick := time.NewTimer(pace.Next(Pace))
	defer tick.Stop()
	known, over := "", false
	for idle := 0; ; {
		_ = t.Look() // Problem tells
		moved := h.Moved()
		if idle++; moved || idle >= idleLooks {
			idle = 0
			took, err := t.Write(ctx)
			switch {
			case err == nil && moved:
				h.Took(took)
			case errors.Is(err, ErrSync) && !over:
				over = true
				h.Failed(err)
			}
		}
		if now := t.Problem(); now != known {
			known = now
			h.Changed(now)
		}
		select {
		case <-tick.C:
			tick.Reset(pace.Next(Pace))
		case <-ctx.Done():
			return nil
		}
	}
}
