// Package keyrange describes a range of keys as it was read, so that a commit can be refused if it
// has changed since.
package keyrange

import (
	"bytes"
	"fmt"

	"github.com/hotpair/hotpair/services/fault"
)

// Bounds of the ranges of one call.
const (
	// MostKeys bounds the keys that are looked at: those of the ranges and the one behind each, a value counted as one more for
	// each KiB.
	MostKeys = 1 << 14
	// MostRanges bounds the ranges.
	MostRanges = 256
)

var (
	// ErrMalformed says that a range is none.
	ErrMalformed = fault.New("range", "malformed range")
	// ErrTooMuch says that ranges are more than can be compared at once.
	ErrTooMuch = fault.New("ranges", "too many ranges to compare at once")
)

// Range is a condition on all keys of one range: those that begin with Prefix, come after After and not after Through. It
// holds when exactly those keys are there that were there at Sequence, with the revisions that they had.
//
// Two numbers say that. A key with a revision up to Sequence was there at Sequence, as it is. If all keys of the range are
// like that, none has come and none has changed; if they are as many as they were, none has gone.
type Range struct {
	Prefix  []byte `cbor:"1,keyasint,omitempty"` // empty: all keys
	After   []byte `cbor:"2,keyasint,omitempty"` // empty: from the first
	Through []byte `cbor:"3,keyasint,omitempty"` // empty: to the last that begins with Prefix
	// Keys is how many were there.
	Keys uint64 `cbor:"4,keyasint,omitempty"`
	// Sequence is that of the position at which they were.
	Sequence uint64 `cbor:"5,keyasint,omitempty"`
}

// Contains reports whether a key lies in the range.
func (r *Range) Contains(key []byte) bool {
	return bytes.HasPrefix(key, r.Prefix) && bytes.Compare(key, r.After) > 0 && !r.Ends(key)
}

// Ends reports whether the range ends before a key with its prefix.
func (r *Range) Ends(key []byte) bool { return len(r.Through) > 0 && bytes.Compare(key, r.Through) > 0 }

// Validate checks a range of keys of at most longest bytes. The error is ErrMalformed, with the reason.
func (r *Range) Validate(longest int) error {
	switch {
	case max(len(r.Prefix), len(r.After), len(r.Through)) > longest:
		return fmt.Errorf("%w: prefix, after and through have %d, %d and %d bytes, a key at most %d",
			ErrMalformed, len(r.Prefix), len(r.After), len(r.Through), longest)
	case len(r.Through) == 0:
		return nil
	case !bytes.HasPrefix(r.Through, r.Prefix):
		return fmt.Errorf("%w: through does not begin with the prefix", ErrMalformed)
	case bytes.Compare(r.Through, r.After) <= 0:
		return fmt.Errorf("%w: through is not after the key in after", ErrMalformed)
	}
	return nil
}

// Check checks the ranges of one call. The error is ErrMalformed or ErrTooMuch.
func Check(ranges []Range, longest int) error {
	if len(ranges) > MostRanges {
		return fmt.Errorf("%w: conditions on %d ranges, at most %d", ErrTooMuch, len(ranges), MostRanges)
	}
	for i := range ranges {
		if err := ranges[i].Validate(longest); err != nil {
			return err
		}
	}
	if Cost(ranges) > MostKeys {
		return fmt.Errorf("%w: %s", ErrTooMuch, TooManyKeys)
	}
	return nil
}

// TooManyKeys is the message for ranges with too many keys.
var TooManyKeys = fmt.Sprintf("the scanned ranges of one update have more than %d keys (plus one for each KiB of a value); scan less in one update", MostKeys)

// Cost is the least number of keys that must be read to check ranges.
func Cost(ranges []Range) (keys uint64) {
	for i := range ranges {
		keys += min(ranges[i].Keys, MostKeys) + 1
	}
	return keys
}
