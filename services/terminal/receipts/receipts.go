// Package receipts keeps the last acknowledgements that an agent passed to applications, by which a host checks after a takeover that
// nothing acknowledged is missing.
//
// They are written in the background, never on the path of a request: an agent that is killed, or whose machine loses power,
// may lose those of the last second. A lost receipt makes that check weaker; it loses no update.
package receipts

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/pace"
)

const (
	fileName = "receipts"
	// saveEvery is the least time between two writes, complainEvery how often a full disk is logged.
	saveEvery     = time.Second
	complainEvery = time.Minute
	// most is enough for the receipts of the moments before a takeover.
	most = 256
	// maxFile bounds what is read at start: a receipt's code and app id are bounded far below 2 KiB.
	maxFile = most * 2048
)

// ErrDisk says that they could not be written.
var ErrDisk = errors.New("receipts of the terminal could not be written")

// Receipts has two parts: those of the time before the last attach, which a takeover may have lost, and those since.
type Receipts struct {
	mu      sync.Mutex
	before  []bus.Receipt // of the time before the last attach, oldest first
	ring    []bus.Receipt // since; oldest first, once it is full from next on
	next    int
	changed chan struct{} // one token when there is something to write
}

// New gives none.
func New() *Receipts { return &Receipts{changed: make(chan struct{}, 1)} }

// Add notes one.
func (r *Receipts) Add(one bus.Receipt) {
	r.mu.Lock()
	if len(r.ring) < most {
		r.ring = append(r.ring, one)
	} else {
		r.ring[r.next] = one
		r.next = (r.next + 1) % most
	}
	r.mu.Unlock()
	r.again()
}

// Attached records that a host is attached: later receipts are of its answers.
func (r *Receipts) Attached() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before, r.ring, r.next = r.all(), nil, 0
}

// all returns the last most of both parts, newest last. The caller holds the lock.
func (r *Receipts) all() []bus.Receipt {
	missing := min(most-len(r.ring), len(r.before))
	all := make([]bus.Receipt, 0, missing+len(r.ring))
	all = append(all, r.before[len(r.before)-missing:]...)
	return append(append(all, r.ring[r.next:]...), r.ring[:r.next]...)
}

// Last returns up to limit receipts, newest last; 0 is all.
func (r *Receipts) Last(limit int) []bus.Receipt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return newest(r.all(), limit)
}

// BeforeAttach returns up to limit receipts of the time before the last attach, newest last; 0 is all.
func (r *Receipts) BeforeAttach(limit int) []bus.Receipt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return newest(r.before, limit) // never changed
}

func newest(all []bus.Receipt, limit int) []bus.Receipt {
	if limit > 0 && limit < len(all) {
		return all[len(all)-limit:]
	}
	return all
}

// save replaces their file.
func (r *Receipts) save(dir string) error {
	body, err := bus.Encode(r.Last(0))
	if err != nil {
		return err
	}
	body = binary.BigEndian.AppendUint32(body, crc32.ChecksumIEEE(body))
	path := filepath.Join(dir, fileName)
	if err := durable.Write(path, body); err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	return nil
}

// Load reads the file of save. Unreadable receipts are dropped, like lost ones.
func (r *Receipts) Load(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, fileName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read receipts: %w", err)
	}
	kept, err := decode(data)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring, r.next = kept, 0
	return nil
}

func decode(data []byte) ([]bus.Receipt, error) {
	if len(data) < 5 || len(data) > maxFile {
		return nil, fmt.Errorf("%w: receipts of %d bytes", bus.ErrMalformed, len(data))
	}
	body := data[:len(data)-4]
	if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(data[len(body):]) {
		return nil, fmt.Errorf("%w: checksum of receipts", bus.ErrMalformed)
	}
	var kept []bus.Receipt
	if err := bus.Decode(body, &kept); err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	if len(kept) > most {
		kept = kept[len(kept)-most:]
	}
	return kept, nil
}

// Run writes the receipts while they change, and once at the end. It gathers several first: at a takeover hundreds of
// terminals of one machine are answered at the same moment, and none of them waits for this. While the disk is full it
// tries again. The error is ErrDisk, or that of ctx.
func (r *Receipts) Run(ctx context.Context, dir string, log *slog.Logger) error {
	var said time.Time
	for {
		select {
		case <-r.changed:
		case <-ctx.Done():
		}
		if rest := pace.Rest(ctx, saveEvery); rest != nil {
			err := r.save(dir)
			if errors.Is(err, os.ErrNotExist) || durable.Full(err) { // the directory was removed while the agent ends
				err = nil
			}
			return errors.Join(rest, err)
		}
		err := r.save(dir)
		switch {
		case durable.Full(err):
			if now := time.Now(); now.Sub(said) > complainEvery {
				said = now
				log.Warn("the disk is full: the latest receipts can't be stored, and a check after a takeover may miss them", "error", err)
			}
			r.again()
		case err != nil:
			return err
		}
	}
}

// again schedules another write.
func (r *Receipts) again() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}
