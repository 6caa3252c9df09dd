package notices

import (
	"slices"
	"time"
)

// Bounds limit the stored notices of one stream.
type Bounds struct {
	Notices int
	Bytes   int
	Age     time.Duration // in pair time
}

// Aged is a stored notice, with the pair time of its update in Unix nanoseconds.
type Aged struct {
	Notice
	Time int64
}

// Trim returns how many of the oldest notices of a stream to discard: those that all their recipients have (up to
// had), and those beyond its bounds, whether or not a recipient lacks them. It considers one stream alone, so a
// terminal that does not accept its notices loses only its own.
func Trim(b Bounds, now int64, had Number, kept []Aged) (n int) {
	bytes := 0
	for _, k := range kept {
		bytes += k.Size
	}
	for ; n < len(kept); n++ {
		fits := len(kept)-n <= b.Notices && bytes <= b.Bytes && time.Duration(now-kept[n].Time) <= b.Age
		if fits && kept[n].Number.After(had) {
			break
		}
		bytes -= kept[n].Size
	}
	return n
}

// HadByAll is the place in the common stream that all terminals have reached. A terminal that was added later counts
// as having the earlier ones.
func HadByAll(had []Number) Number {
	if len(had) == 0 {
		return Number{}
	}
	return slices.MinFunc(had, Number.Compare)
}
