package history

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/position"
)

// Digest is the chained digest of an entry and of all before it. The zero Digest is the one before the first entry.
type Digest [sha256.Size]byte

// String gives the first eight bytes in hexadecimal: enough to compare by eye.
func (d Digest) String() string { return hex.EncodeToString(d[:8]) }

// MarshalText gives all of the digest in hexadecimal, for JSON.
func (d Digest) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(d[:])), nil }

// UnmarshalText reads what MarshalText wrote. The error is format.ErrMalformed.
func (d *Digest) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != len(d) {
		return fmt.Errorf("%w: digest %q", format.ErrMalformed, text)
	}
	copy(d[:], raw)
	return nil
}

// Chain returns the digest of an entry: SHA-256 over the previous digest and the stored bytes, never over bytes that
// were encoded again.
func Chain(prev Digest, stored []byte) Digest {
	h := sha256.New()
	h.Write(prev[:])
	h.Write(stored)
	var d Digest
	h.Sum(d[:0])
	return d
}

// Mark is an end of a chain: the position of its last entry, and the digest of all up to it. The zero Mark is the
// empty chain.
type Mark struct {
	Position position.Position `cbor:"1,keyasint" json:"position"`
	Digest   Digest            `cbor:"2,keyasint" json:"digest"`
}

// Stored is an entry with the bytes by which it is stored, and its digest. Nothing in it may be changed.
type Stored struct {
	Entry  Entry
	Raw    []byte
	Digest Digest
}

// Mark returns the end of the chain that s ends.
func (s *Stored) Mark() Mark { return Mark{Position: s.Entry.Position, Digest: s.Digest} }

// NewStored validates and encodes e and chains it onto prev. The error is ErrInvalid or ErrTooLarge.
func NewStored(prev Digest, e Entry) (Stored, error) {
	if err := e.Validate(); err != nil {
		return Stored{}, fmt.Errorf("entry %v: %w", e.Position, err)
	}
	raw, err := e.Encode()
	if err != nil {
		return Stored{}, err
	}
	if len(raw) > MaxEntry {
		return Stored{}, fmt.Errorf("entry %v: %w: %d bytes, at most %d", e.Position, ErrTooLarge, len(raw), MaxEntry)
	}
	return Stored{Entry: e, Raw: raw, Digest: Chain(prev, raw)}, nil
}

// ReadStored decodes raw and chains it onto prev. It keeps raw. The errors are those of DecodeEntry.
func ReadStored(prev Digest, raw []byte) (Stored, error) {
	e, err := DecodeEntry(raw)
	if err != nil {
		return Stored{}, err
	}
	return Stored{Entry: e, Raw: raw, Digest: Chain(prev, raw)}, nil
}

// Raws returns the stored bytes of entries.
func Raws(entries []Stored) [][]byte {
	raws := make([][]byte, len(entries))
	for i := range entries {
		raws[i] = entries[i].Raw
	}
	return raws
}

// Follows reports whether s is the entry right after the chain's end m: the next sequence, an epoch that changes
// exactly with an entry of KindBegan and then rises, and a digest that chains on. The error is ErrGap, ErrDiverged or
// ErrInvalid.
func (s *Stored) Follows(m Mark) error {
	p := s.Entry.Position
	switch {
	case p.Sequence != m.Position.Sequence+1:
		return fmt.Errorf("%w: entry %v does not follow %v", ErrGap, p, m.Position)
	case p.Epoch < m.Position.Epoch:
		return fmt.Errorf("%w: entry %v follows %v in a lower epoch", ErrDiverged, p, m.Position)
	case Chain(m.Digest, s.Raw) != s.Digest:
		return fmt.Errorf("%w: entry %v with digest %v does not chain onto %v", ErrDiverged, p, s.Digest, m.Position)
	case (p.Epoch > m.Position.Epoch) != (s.Entry.Kind == KindBegan):
		return fmt.Errorf("%w: entry %v of kind %v after %v", ErrInvalid, p, s.Entry.Kind, m.Position)
	}
	return nil
}
