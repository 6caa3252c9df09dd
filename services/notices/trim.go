package notices

import (
	"slices"
	"time"
)

// Bounds are what is kept of one stream at most.
type Bounds struct {
	Notices int
	Bytes   int
	Age     time.Duration // in pair time
}

// Aged is a notice that is kept, with the pair time of its update in Unix nanoseconds.
type Aged struct {
	Notice
	Time int64
}

// Trim says how many of the oldest of a stream go: those that everybody has who is to have them (up to had), and those beyond its bounds,
// whoever lacks them. It looks at one stream alone, so whoever does not take his notices loses his own.
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

// HadByAll is how far all terminals have the common stream. One that was added later has what came before it.
func HadByAll(had []Number) Number {
	if len(had) == 0 {
		return Number{}
	}
	return slices.MinFunc(had, Number.Compare)
}
