package position

import "cmp"

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
