package notices

import (
	"math"

	"github.com/hotpair/hotpair/storage/position"
)

// Number names a notice of a pair.
type Number = position.Number

// last is the highest number that an update can give.
func last(epoch, sequence uint64) Number {
	return Number{Epoch: epoch, Sequence: sequence, Index: math.MaxUint32}
}

// Start is the first update of an epoch.
type Start struct{ Epoch, Sequence uint64 }

// MaxStarts bounds the epochs that a terminal remembers. A terminal that attaches after more takeovers gets all stored
// notices again.
const MaxStarts = 64

// History is what numbers are compared with, as read at one committed position.
type History struct {
	Pair   string
	Epoch  uint64 // the served epoch
	Starts []Start
	End    position.Position // the last committed update
}

// end is the last update of the i-th epoch here.
func (h History) end(i int) uint64 {
	if i+1 < len(h.Starts) {
		return h.Starts[i+1].Sequence - 1
	}
	return h.End.Sequence
}
