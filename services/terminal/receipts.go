package terminal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/durable"
)

const (
	receiptsFile = "receipts"
	// keptReceipts are enough to cover what a terminal was told in the moments before a takeover.
	keptReceipts = 256
	// maxReceiptsFile bounds what is read at start: a receipt's code and app id are bounded far below 2 KiB.
	maxReceiptsFile = keptReceipts * 2048
)

// receipts are the last acknowledgements that were passed to applications, by which a host checks after a takeover that
// nothing acknowledged is missing.
//
// They are written in the background, never on the path of a request: an agent that is killed, or whose machine loses power,
// may lose those of the last second. A lost receipt makes that check weaker; it loses no update.
//
// They are kept in two parts: those of the time before the last attach, which are the ones that a takeover may have lost,
// and those since.
type receipts struct {
	mu      sync.Mutex
	before  []bus.Receipt // of the time before the last attach, oldest first
	ring    []bus.Receipt // since; oldest first, once it is full from next on
	next    int
	changed chan struct{} // one token when there is something to write
}

func newReceipts() *receipts { return &receipts{changed: make(chan struct{}, 1)} }

// add notes one.
func (r *receipts) add(one bus.Receipt) {
	r.mu.Lock()
	if len(r.ring) < keptReceipts {
		r.ring = append(r.ring, one)
	} else {
		r.ring[r.next] = one
		r.next = (r.next + 1) % keptReceipts
	}
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// attached notes that a host is attached: what comes from now on is its word.
func (r *receipts) attached() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before, r.ring, r.next = r.all(), nil, 0
}

// all gives the last keptReceipts of both parts, newest last. The lock is held.
func (r *receipts) all() []bus.Receipt {
	missing := min(keptReceipts-len(r.ring), len(r.before))
	all := make([]bus.Receipt, 0, missing+len(r.ring))
	all = append(all, r.before[len(r.before)-missing:]...)
	return append(append(all, r.ring[r.next:]...), r.ring[:r.next]...)
}

// last gives up to limit, newest last; 0 is all.
func (r *receipts) last(limit int) []bus.Receipt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return newest(r.all(), limit)
}

// beforeAttach gives up to limit of those of the time before the last attach, newest last; 0 is all.
func (r *receipts) beforeAttach(limit int) []bus.Receipt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return newest(r.before, limit) // never changed once it is there
}

func newest(all []bus.Receipt, limit int) []bus.Receipt {
	if limit > 0 && limit < len(all) {
		return all[len(all)-limit:]
	}
	return all
}

// save replaces their file.
func (r *receipts) save(dir string) error {
	body, err := bus.Encode(r.last(0))
	if err != nil {
		return err
	}
	body = binary.BigEndian.AppendUint32(body, crc32.ChecksumIEEE(body))
	path := filepath.Join(dir, receiptsFile)
	if err := durable.Write(path, body); err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	return nil
}

// load reads what save wrote. Receipts that can't be read are given up, as lost ones are.
func (r *receipts) load(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, receiptsFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read receipts: %w", err)
	}
	kept, err := decodeReceipts(data)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring, r.next = kept, 0
	return nil
}

func decodeReceipts(data []byte) ([]bus.Receipt, error) {
	if len(data) < 5 || len(data) > maxReceiptsFile {
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
	if len(kept) > keptReceipts {
		kept = kept[len(kept)-keptReceipts:]
	}
	return kept, nil
}
