package terminal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/hotpair/hotpair/services/durable"
)

var (
	// ErrDamaged says that the durable facts can't be read. The agent does not start over automatically: having
	// forgotten the highest epoch, it would accept a host whose term is over.
	ErrDamaged = errors.New("durable facts of the terminal are damaged")
	// ErrInUse says that another agent works in the same directory.
	ErrInUse = errors.New("directory is used by another agent")
	// ErrDisk says that a write or fsync failed. The agent ends; nothing is tried again (R8).
	ErrDisk = errors.New("durable facts of the terminal could not be written")
)

// facts are what the agent must never forget.
type facts struct {
	PairID   string `json:"pair_id"`
	Epoch    uint64 `json:"epoch"`            // highest accepted
	Host     string `json:"host"`             // that has it
	Identity string `json:"identity"`         // of that host
	Attach   uint64 `json:"attach"`           // counter of the last attach in that epoch
	Counter  uint64 `json:"counter"`          // every number of the directory's own up to this one may have been given to a request
	Base     uint64 `json:"base"`             // what the pair adds to them; 0: not known yet
	Barred   string `json:"barred,omitempty"` // identity of a host whose epoch a person on the spot has taken back
	Told     uint64 `json:"told,omitempty"`   // every number of a notice up to this one may have been given
	// Directory is random, made once: the pair tells by it directories of one terminal apart.
	Directory string `json:"directory,omitempty"`
	Terminal  string `json:"terminal,omitempty"` // owner of the facts, in a shared file
	// Queued: every number of the queue up to this one may have been given; QueueBase is their Base.
	Queued    uint64 `json:"queued,omitempty"`
	QueueBase uint64 `json:"queue_base,omitempty"`
}

const (
	factsFile = "agent.state"
	// slotSize is more than facts can need (names are bounded) and one page, so that a slot is one write.
	slotSize  = 4096
	slotMagic = 0x48504147 // "HPAG"
	slotHead  = 4 + 8 + 4  // magic, serial, length
)

// store keeps the facts in one file of two slots that are written in turn, each with a serial number and a checksum.
// The newest slot that reads well counts; a write that was cut short leaves the one before it.
//
// Why not a new file and a rename for each write: an attach waits for this write, and overwriting one page costs one
// flush of the disk where a rename costs the journal of the file system as well, twice.
type store struct {
	current atomic.Pointer[facts] // as on disk; read without waiting for a write

	mu     sync.Mutex // one write at a time
	file   *os.File
	base   int64        // where its slots begin
	flush  func() error // makes what was written durable
	close  func() error
	serial uint64
	failed error
}

// openStore opens or makes the file. The lock on it is held until close.
func openStore(dir string) (*store, error) {
	if err := durable.MakeDir(dir); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDisk, err)
	}
	path := filepath.Join(dir, factsFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := createStore(path); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDisk, err)
		}
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open durable facts: %w", err)
	}
	if err := durable.Lock(file); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrInUse, dir), file.Close())
	}
	s := &store{file: file, flush: func() error { return durable.Flush(file) }, close: func() error { return durable.Unlock(file) }}
	slots := make([]byte, 2*slotSize)
	if _, err := file.ReadAt(slots, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s: %w", ErrDamaged, path, err), durable.Unlock(file))
	}
	if !s.adopt(slots) {
		return nil, errors.Join(fmt.Errorf("%w: %s; remove it if no other host can still hold its term", ErrDamaged, path), durable.Unlock(file))
	}
	return s, nil
}

// hasStore reports whether a directory has durable facts, in whatever state: also if they can't be read, since an
// agent that starts over has forgotten its epoch (R5).
func hasStore(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, factsFile))
	return !errors.Is(err, os.ErrNotExist)
}

// adopt uses the newest of two slots; it reports whether one is valid.
func (s *store) adopt(slots []byte) (found bool) {
	for i := range 2 {
		serial, f, ok := readSlot(slots[i*slotSize : (i+1)*slotSize])
		if ok && (!found || serial > s.serial) {
			found, s.serial = true, serial
			s.current.Store(&f)
		}
	}
	return found
}

// createStore creates the file complete under a temporary name, so that a file without a valid slot is always damage.
func createStore(path string) error {
	data := make([]byte, 2*slotSize)
	copy(data, writeSlot(1, facts{}))
	file, err := durable.Begin(path)
	if err != nil {
		return err
	}
	if _, err := file.Write(data); err != nil {
		return errors.Join(err, file.Discard())
	}
	if err := file.Create(); !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil // another agent was quicker, and has the lock
}

// get returns the facts on disk. It never waits.
func (s *store) get() facts { return *s.current.Load() }

// update changes the facts and returns when the change is durable. After an error every further update fails (R8).
func (s *store) update(change func(*facts)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	next := s.get()
	change(&next)
	if next == s.get() {
		return nil
	}
	serial := s.serial + 1
	_, err := s.file.WriteAt(writeSlot(serial, next), s.base+int64((serial+1)%2)*slotSize)
	if err == nil {
		err = s.flush()
	}
	if err != nil {
		s.failed = fmt.Errorf("%w: %w", ErrDisk, err)
		return s.failed
	}
	s.serial = serial
	s.current.Store(&next)
	return nil
}

// writeSlot returns an encoded slot. Facts are bounded by the checks on messages of hosts, far below its size.
func writeSlot(serial uint64, f facts) []byte {
	body, err := json.Marshal(f)
	if err != nil {
		return nil // strings and numbers can be written
	}
	slot := make([]byte, slotSize)
	binary.BigEndian.PutUint32(slot, slotMagic)
	binary.BigEndian.PutUint64(slot[4:], serial)
	binary.BigEndian.PutUint32(slot[12:], uint32(len(body)))
	end := slotHead + copy(slot[slotHead:slotSize-4], body)
	binary.BigEndian.PutUint32(slot[end:], crc32.Checksum(slot[:end], crc32.MakeTable(crc32.Castagnoli)))
	return slot
}

// readSlot reads what writeSlot wrote; not ok is a slot that was never or not wholly written.
func readSlot(slot []byte) (serial uint64, f facts, ok bool) {
	if len(slot) < slotHead+4 || binary.BigEndian.Uint32(slot) != slotMagic {
		return 0, facts{}, false
	}
	length := binary.BigEndian.Uint32(slot[12:])
	if uint64(length) > uint64(len(slot)-slotHead-4) {
		return 0, facts{}, false
	}
	end := slotHead + int(length)
	if crc32.Checksum(slot[:end], crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(slot[end:]) {
		return 0, facts{}, false
	}
	if json.Unmarshal(slot[slotHead:end], &f) != nil {
		return 0, facts{}, false
	}
	return binary.BigEndian.Uint64(slot[4:]), f, true
}
