package emissions

import "github.com/hotpair/hotpair/storage/position"

// Number names an emission of a pair.
type Number = position.Number

// Start is the beginning of an epoch.
type Start struct {
	Epoch     uint64
	TakenBack bool // it began from a history that lacks a part of an earlier one: by force, or restored
}

// Deferred reports whether nothing may leave: a history was taken back since an operator last released emissions, in
// the epoch released. Some waiting emissions may have left before, some of those that left may be undone; only people
// can decide what to do with them.
func Deferred(starts []Start, released uint64) bool {
	for _, s := range starts {
		if s.TakenBack && s.Epoch > released {
			return true
		}
	}
	return false
}

// Order is the order for receivers. Where a history was taken back a waiting emission can have a lower number than one
// that the receiver has of the other history. So emissions from before a release are sent as of the epoch of the
// release: in their order, before all that are emitted in that epoch, and above all that ever left.
func Order(n Number, released uint64) Number {
	n.Epoch = max(n.Epoch, released)
	return n
}

// Receiver is the rule of a receiver that accepts each emission of a lane once.
type Receiver struct{ Highest Number }

// Takes reports whether an emission is new, by its order. The receiver must store the order in the same transaction; a
// repeated emission gets a good answer all the same.
func (r *Receiver) Takes(order Number) bool {
	if !order.After(r.Highest) {
		return false
	}
	r.Highest = order
	return true
}
