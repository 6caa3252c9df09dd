package membership

import "slices"

// LostStride is how far epoch and version leap where the register has lost the record. The other host may have served
// any number of terms unknown here, and none of them may be chosen again.
const LostStride = 1_000_000

// farthest is how far what only rises may be above what is known. It is 4,000 leaps, since a fresh host must believe a pair that has leapt
// all its life; and whoever wants to use the numbers up has to be believed 2^32 times.
const farthest = 1 << 32

// Reachable reports whether a pair can have reached a reported epoch, version or session from the known one. A number
// beyond that is not believed, whatever its source: otherwise the numbers could be used up.
func Reachable(known, said uint64) bool { return said <= known || said-known <= farthest }

// MostAccepted returns the highest epoch that more than half of the reached terminals have accepted; 0 for
// no terminals. It may reorder epochs. A single terminal is not trusted.
func MostAccepted(epochs []uint64) uint64 {
	if len(epochs) == 0 {
		return 0
	}
	slices.Sort(epochs)
	return epochs[(len(epochs)-1)/2]
}

// Toward returns the reported number or, if that is not reachable, the highest number that is.
func Toward(known, said uint64) uint64 {
	if Reachable(known, said) {
		return max(known, said)
	}
	return known + farthest
}
