package backup

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/origin"
)

const (
	magic = "hotpair backup\n"
	// Version is that of the form of the file.
	Version = 2
	// maxRecord bounds one record, in bytes: the largest range or piece of history and room around it.
	maxRecord = 16 << 20
)

// Types of records.
const (
	recordHeader  = 'H'
	recordRange   = 'R'
	recordEntries = 'F'
	recordEnd     = 'E'
)

var (
	// ErrForeign says that a file is no backup of hotpair.
	ErrForeign = errors.New("not a hotpair backup")
	// ErrVersion says that a newer program wrote it.
	ErrVersion = errors.New("backup of another version")
	// ErrShort says that it was cut short: what made it did not finish, or the file was truncated since.
	ErrShort = errors.New("backup is truncated")
	// ErrDamaged says that something in it is not as it was written.
	ErrDamaged = errors.New("backup is damaged")
	// ErrSealed says that it is encrypted, and that what was given to decrypt it does not.
	ErrSealed = errors.New("backup is encrypted")
	// ErrUnproved says that nothing proves that the pair made it.
	ErrUnproved = errors.New("backup is not proved")
)

// Header names the source of a backup.
type Header struct {
	Version int       `cbor:"1,keyasint" json:"version"`
	PairID  string    `cbor:"2,keyasint,omitempty" json:"pair_id,omitempty"`
	Host    string    `cbor:"3,keyasint" json:"host"` // that it was read on
	Made    time.Time `cbor:"4,keyasint" json:"made"` // on that host's wall clock
	// Base is where the database was when the first range was read.
	Base history.Mark `cbor:"5,keyasint" json:"-"`
	// Key names the key that proves it.
	Key string `cbor:"6,keyasint" json:"key"`
	// Trust is the pair's name in certificates, empty where it has none; Copied are the pairs that its data are a copy of.
	Trust  string        `cbor:"7,keyasint,omitempty" json:"trust,omitempty"`
	Copied []origin.Pair `cbor:"8,keyasint,omitempty" json:"-"`
}

// End says where a backup ends and how much it holds.
type End struct {
	// Until is the position that it holds, with the chained digest there; Time its pair time.
	Until   history.Mark `cbor:"1,keyasint"`
	Time    int64        `cbor:"2,keyasint"`
	Ranges  int          `cbor:"3,keyasint"`
	Items   int64        `cbor:"4,keyasint"`
	Entries int64        `cbor:"5,keyasint"`
}

// Writer makes the bytes of a backup, piece by piece: Begin, Range for each, Entries, End.
type Writer struct {
	key Key
	sum hash.Hash
	end End
}

// NewWriter returns the writer of one backup, which the key proves.
func NewWriter(key Key) Writer { return Writer{key: key} }

// Begin returns the first bytes.
func (w *Writer) Begin(h Header) ([]byte, error) {
	if w.key == "" {
		return nil, fmt.Errorf("%w: there is no key to prove it with", ErrUnproved)
	}
	h.Version, h.Key = Version, w.key.Name()
	w.sum = sha256.New()
	record, err := encodeRecord(recordHeader, h)
	return w.write(append([]byte(magic), record...)), err
}

// Range returns the bytes of one range.
func (w *Writer) Range(r *storage.Range) ([]byte, error) {
	raw, err := r.Encode()
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	w.end.Ranges++
	w.end.Items += int64(len(r.Items))
	return w.write(record(recordRange, raw)), nil
}

// Entries returns the bytes of a piece of history.
func (w *Writer) Entries(entries []history.Stored) ([]byte, error) {
	raws := make([][]byte, len(entries))
	for i := range entries {
		raws[i] = entries[i].Raw
		w.end.Until, w.end.Time = entries[i].Mark(), entries[i].Entry.Time
	}
	w.end.Entries += int64(len(entries))
	record, err := encodeRecord(recordEntries, raws)
	return w.write(record), err
}

// End gives the last bytes. until is where the backup ends; the entries, if there were any, reach it.
func (w *Writer) End(until history.Mark, time int64) ([]byte, error) {
	if w.end.Entries > 0 && w.end.Until != until {
		return nil, fmt.Errorf("backup: the entries end at %v, the backup at %v", w.end.Until.Position, until.Position)
	}
	w.end.Until = until
	if w.end.Entries == 0 {
		w.end.Time = time
	}
	record, err := encodeRecord(recordEnd, w.end)
	if err != nil {
		return nil, err
	}
	raw := w.write(record)
	sum := w.sum.Sum(nil)
	return append(append(raw, sum...), w.key.prove(sum)...), nil
}

func (w *Writer) write(raw []byte) []byte {
	w.sum.Write(raw) // never fails
	return raw
}

func encodeRecord(kind byte, v any) ([]byte, error) {
	raw, err := cbor.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	if len(raw) > maxRecord {
		return nil, fmt.Errorf("backup: record of %d bytes", len(raw))
	}
	return record(kind, raw), nil
}

func record(kind byte, raw []byte) []byte {
	b := append(make([]byte, 0, 5+len(raw)), kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(raw)))
	return append(b, raw...)
}
