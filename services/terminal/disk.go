package terminal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/terminal/inbox"
)

// disksFile holds the facts of many agents, two slots for each.
const disksFile = "agents.state"

// Disk keeps the durable facts of many agents of one process in one file, and their notices in another. Agents that
// attach or receive notices at the same moment, as in a takeover, share one flush of the disk; without this, fifty
// agents on one disk take some 10 ms longer. An agent with a disk of its own does not need it.
type Disk struct {
	file    *os.File
	notices *inbox.File

	mu      sync.Mutex
	regions map[string]*store // by terminal
	opened  map[string]bool
	end     int64

	flushing sync.Mutex // one at a time

	turn   sync.Mutex // protects the two below
	next   *flush     // not begun yet; those that join it have already written
	failed error
}

// flush is one fdatasync that several wait for.
type flush struct {
	once sync.Once
	err  error
}

// OpenDisk opens the files in a directory and creates them if they are absent. Errors: ErrInUse, ErrDamaged, ErrDisk.
func OpenDisk(dir string) (*Disk, error) {
	if err := durable.MakeDir(dir); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDisk, err)
	}
	path := filepath.Join(dir, disksFile)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open facts of agents: %w", err)
	}
	d := &Disk{file: file, regions: map[string]*store{}, opened: map[string]bool{}, next: &flush{}}
	err = d.read(path)
	if err == nil {
		err = durable.SyncDir(dir)
	}
	if err == nil {
		d.notices, err = inbox.Open(dir)
	}
	if err != nil {
		return nil, errors.Join(err, durable.Unlock(file))
	}
	return d, nil
}

// read finds the facts of every agent. A last region without facts was being made when the process ended; any other is
// damage.
func (d *Disk) read(path string) error {
	if err := durable.Lock(d.file); err != nil {
		return fmt.Errorf("%w: %s", ErrInUse, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	for ; d.end < int64(len(data)); d.end += 2 * slotSize {
		last := d.end+2*slotSize >= int64(len(data))
		slots := make([]byte, 2*slotSize)
		copy(slots, data[d.end:])
		s := d.region(d.end)
		if !s.adopt(slots) {
			if last {
				return nil
			}
			return fmt.Errorf("%w: %s at %d", ErrDamaged, path, d.end)
		}
		d.regions[s.get().Terminal] = s
	}
	return nil
}

func (d *Disk) region(at int64) *store {
	return &store{file: d.file, base: at, flush: d.flush}
}

// open returns the facts of one agent and creates them at its first start.
func (d *Disk) open(terminal string) (*store, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.opened[terminal] {
		return nil, fmt.Errorf("%w: terminal %s", ErrInUse, terminal)
	}
	s, ok := d.regions[terminal]
	if !ok {
		s = d.region(d.end)
		slots := make([]byte, 2*slotSize)
		copy(slots, writeSlot(1, facts{Terminal: terminal}))
		if _, err := d.file.WriteAt(slots, d.end); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDisk, err)
		}
		if err := d.flush(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDisk, err)
		}
		s.adopt(slots)
		d.regions[terminal] = s
		d.end += 2 * slotSize
	}
	d.opened[terminal] = true
	s.close = func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.opened, terminal)
		return nil
	}
	return s, nil
}

// flush makes earlier writes durable. Calls during one flush share the next. After an error every call fails (R8).
func (d *Disk) flush() error {
	d.turn.Lock()
	mine := d.next
	d.turn.Unlock()
	mine.once.Do(func() {
		d.flushing.Lock()
		defer d.flushing.Unlock()
		d.turn.Lock()
		d.next = &flush{} // later callers may have written too late for this one
		failed := d.failed
		d.turn.Unlock()
		if mine.err = failed; failed != nil {
			return
		}
		if mine.err = durable.Flush(d.file); mine.err != nil {
			d.turn.Lock()
			d.failed = mine.err
			d.turn.Unlock()
		}
	})
	return mine.err
}

// Close closes the files. No agent may use them afterwards.
func (d *Disk) Close() error { return errors.Join(d.notices.Close(), durable.Unlock(d.file)) }
