package position

import (
	"cmp"
	"encoding/binary"
)

// Number names one of the things that an update leaves behind: the update, and which of its things it is. The zero Number is before the
// first.
type Number struct {
	Epoch, Sequence uint64
	Index           uint32
}

// Compare orders by update, then by index. It says something of two numbers of one history only.
func (n Number) Compare(m Number) int {
	return cmp.Or(cmp.Compare(n.Epoch, m.Epoch), cmp.Compare(n.Sequence, m.Sequence), cmp.Compare(n.Index, m.Index))
}

// After reports whether n comes after m.
func (n Number) After(m Number) bool { return n.Compare(m) > 0 }

// NumberBytes is the length of a Number that Append writes.
const NumberBytes = 8 + 8 + 4

// Append adds the Number to a key, so that keys are in the order of numbers.
func (n Number) Append(key []byte) []byte {
	key = binary.BigEndian.AppendUint64(key, n.Epoch)
	key = binary.BigEndian.AppendUint64(key, n.Sequence)
	return binary.BigEndian.AppendUint32(key, n.Index)
}

// ParseNumber reads what Append wrote; ok is false when it is none.
func ParseNumber(raw []byte) (n Number, ok bool) {
	if len(raw) != NumberBytes {
		return Number{}, false
	}
	return Number{Epoch: binary.BigEndian.Uint64(raw), Sequence: binary.BigEndian.Uint64(raw[8:]), Index: binary.BigEndian.Uint32(raw[16:])}, true
}
