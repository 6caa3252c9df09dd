package membership

import "slices"

// LostStride is how far epoch and version leap where the register has lost the record. The other host may have gone on for any
// number of terms that nobody here knows of, and none of them may be chosen again.
const LostStride = 1_000_000

// farthest is how far what only rises may be above what is known. It is 4,000 leaps, since a fresh host must believe a pair that has leapt
// all its life; and whoever wants to use the numbers up has to be believed 2^32 times.
const farthest = 1 << 32

// Reachable reports whether a pair can have come to an epoch, a version or a session that somebody says, from the one that is known. Beyond
// that it is not believed, whoever says it: the numbers would run out.
func Reachable(known, said uint64) bool { return said <= known || said-known <= farthest }

// MostAccepted gives the highest epoch that more than half have accepted of those that are reached, in any order, which it may change; 0 of
// none. One terminal alone can say anything.
func MostAccepted(epochs []uint64) uint64 {
	if len(epochs) == 0 {
		return 0
	}
	slices.Sort(epochs)
	return epochs[(len(epochs)-1)/2]
}

// Toward gives what is said, or as far on the way there as is reachable.
func Toward(known, said uint64) uint64 {
	if Reachable(known, said) {
		return max(known, said)
	}
	return known + farthest
}
