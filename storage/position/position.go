// Package position names a place in the history of updates.
//
// It stands alone, without the storage behind it, because messages between processes carry positions and
// must not know how updates are kept.
package position

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrMalformed says that a text is not of the form "epoch/sequence".
var ErrMalformed = errors.New("malformed position")

// Position is the place of one update: the epoch (number of a term as active) in which it was written and its
// sequence. Sequences start at 1, never reset and have no gaps, so within one lineage the order of sequences is the
// order of positions. The zero Position is the place before the first update.
type Position struct {
	Epoch    uint64 `cbor:"1,keyasint"`
	Sequence uint64 `cbor:"2,keyasint"`
}

// Compare orders by epoch, then by sequence.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Epoch, q.Epoch), cmp.Compare(p.Sequence, q.Sequence))
}

// Before reports whether p comes before q.
func (p Position) Before(q Position) bool { return p.Compare(q) < 0 }

// IsZero reports whether p is the place before the first update.
func (p Position) IsZero() bool { return p == Position{} }

// String returns "epoch/sequence", for example "7/123".
func (p Position) String() string {
	return strconv.FormatUint(p.Epoch, 10) + "/" + strconv.FormatUint(p.Sequence, 10)
}

// Parse parses the output of String. The error is ErrMalformed.
func Parse(text string) (Position, error) {
	epoch, sequence, found := strings.Cut(text, "/")
	if !found {
		return Position{}, fmt.Errorf("%w: %q has no slash", ErrMalformed, text)
	}
	e, err := strconv.ParseUint(epoch, 10, 64)
	if err != nil {
		return Position{}, fmt.Errorf("%w: epoch of %q", ErrMalformed, text)
	}
	s, err := strconv.ParseUint(sequence, 10, 64)
	if err != nil {
		return Position{}, fmt.Errorf("%w: sequence of %q", ErrMalformed, text)
	}
	return Position{Epoch: e, Sequence: s}, nil
}

// MarshalText makes a Position a string in JSON.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *Position) UnmarshalText(text []byte) error {
	q, err := Parse(string(text))
	if err != nil {
		return err
	}
	*p = q
	return nil
}
