package inbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/terminal/boltfile"
)

const (
	// Most and MostBytes bound the notices stored for the applications of a terminal, whichever comes first. Beyond
	// them the oldest are discarded.
	Most      = 10_000
	MostBytes = 16 << 20
)

// Keys of a terminal's bucket: stateKey has a record, and noticePrefix with a number the notice of that number.
const noticePrefix = 'n'

var stateKey = []byte("state")

// noticeKey is the key of a notice.
func noticeKey(number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{noticePrefix}, number)
}

// record is what is written of a state.
type record struct {
	Local  uint64         `cbor:"1,keyasint"`
	Count  int            `cbor:"2,keyasint"` // of notices stored
	Bytes  int            `cbor:"3,keyasint"`
	Cursor notices.Cursor `cbor:"4,keyasint"`
}

// state is the durable state of a terminal. It is never changed: two different states have something between them.
type state struct{ record }

// Box has the notices of one terminal.
type Box struct {
	file     *File
	terminal string
	current  atomic.Pointer[state]
	state    func(id string) string // of a fenced notice; may be nil
	taking   sync.Mutex             // one batch at a time
}

// box returns the box of a terminal.
func (f *File) box(terminal string) *Box {
	f.opening.Lock()
	defer f.opening.Unlock()
	b, ok := f.boxes[terminal]
	if !ok {
		b = &Box{file: f, terminal: terminal}
		f.boxes[terminal] = b
	}
	return b
}

// Box returns the box of a terminal. Numbers up to used are not given again if the file can't tell which were given:
// for a terminal without an entry, because its file was quarantined, or for a file whose last transaction may be
// missing.
func (f *File) Box(terminal string, used uint64) *Box {
	b := f.box(terminal)
	b.taking.Lock()
	defer b.taking.Unlock()
	s := b.current.Load()
	if s == nil || f.doubt && used > s.Local {
		next := &state{}
		if s != nil {
			next.record = s.record
		}
		next.Local = max(next.Local, used)
		b.current.Store(next)
	}
	return b
}

// Last is the highest number given.
func (b *Box) Last() uint64 { return b.current.Load().Local }

// entry is a notice with its number.
type entry struct {
	number uint64
	data   []byte
}

// apply writes new notices, removes the oldest that do not fit, and records the resulting counts in next.
func (next *state) apply(b *bolt.Bucket, list []entry) error {
	b.FillPercent = 0.9 // numbers rise
	for _, e := range list {
		key := noticeKey(e.number)
		value := boltfile.Seal(key, e.data)
		if err := b.Put(key, value); err != nil {
			return err
		}
		next.Count++
		next.Bytes += len(value)
	}
	var old [][]byte
	c := b.Cursor()
	for k, v := c.Seek([]byte{noticePrefix}); isNotice(k) && (next.Count > Most || next.Bytes > MostBytes); k, v = c.Next() {
		old = append(old, bytes.Clone(k))
		next.Count--
		next.Bytes -= len(v)
	}
	for _, key := range old {
		if err := b.Delete(key); err != nil {
			return err
		}
	}
	data, err := bus.Encode(next.record)
	if err != nil {
		return err
	}
	return b.Put(stateKey, boltfile.Seal(stateKey, data))
}

// readState reads and checks the durable state of a terminal.
func readState(b *bolt.Bucket) (*state, error) {
	if b == nil {
		return nil, fmt.Errorf("%w: no bucket", ErrDamaged)
	}
	s := &state{}
	data, err := boltfile.Unseal(stateKey, b.Get(stateKey))
	if err == nil {
		err = bus.Decode(data, &s.record)
	}
	if err != nil {
		return nil, fmt.Errorf("its state: %w", err)
	}
	count, size := 0, 0
	err = b.ForEach(func(k, v []byte) error {
		if bytes.Equal(k, stateKey) {
			return nil
		}
		if !isNotice(k) || numberOf(k) > s.Local || len(v) > MostBytes {
			return fmt.Errorf("%w: invalid entry of %d bytes under a key of %d bytes", ErrDamaged, len(v), len(k))
		}
		if _, err := boltfile.Unseal(k, v); err != nil {
			return fmt.Errorf("notice %d: %w", numberOf(k), err)
		}
		count++
		size += len(v)
		return nil
	})
	if err == nil && (count != s.Count || size != s.Bytes) {
		err = fmt.Errorf("%w: %d entries of %d bytes, but the state counts %d of %d bytes", ErrDamaged, count, size, s.Count, s.Bytes)
	}
	return s, err
}

func isNotice(key []byte) bool { return len(key) == 9 && key[0] == noticePrefix }

func numberOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[1:]) }
