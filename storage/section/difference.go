package section

import (
	"bytes"
	"slices"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
)

// Difference is a key whose values on two hosts differ.
type Difference struct {
	Bucket string
	Key    []byte
	// Kind is one of Missing, Extra and Different, as seen from the first host.
	Kind string
	// Damaged says on which side the value is not as it was written: first, second.
	DamagedHere, DamagedThere bool
}

// Kinds of differences.
const (
	Missing   = "missing"   // the second host lacks the key
	Extra     = "extra"     // only the second host has it
	Different = "different" // it holds something else there
)

// Differences names the keys in which two listings of one section at one position differ, in the order of keys.
func Differences(here, there Content) []Difference {
	missing, extra, different := here.differences(&there)
	damaged := map[string]bool{}
	for _, s := range here.Sums {
		if s.Damaged {
			damaged[string(s.Key)] = true
		}
	}
	var all []Difference
	add := func(kind string, sums []KeySum) {
		for _, s := range sums {
			d := Difference{Bucket: here.Section.Bucket, Key: s.Key, Kind: kind, DamagedHere: damaged[string(s.Key)]}
			d.DamagedThere = kind != Missing && s.Damaged
			all = append(all, d)
		}
	}
	add(Missing, missing)
	add(Extra, extra)
	add(Different, different)
	slices.SortFunc(all, func(a, b Difference) int { return bytes.Compare(a.Key, b.Key) })
	return all
}

// differences gives the keys that two listings of one section differ in, in order: those that the second lacks, those that
// only the second has, and those that hold something else.
func (c *Content) differences(other *Content) (missing, extra, different []KeySum) {
	i, k := 0, 0
	for i < len(c.Sums) || k < len(other.Sums) {
		order := 0
		switch {
		case i == len(c.Sums):
			order = 1
		case k == len(other.Sums):
			order = -1
		default:
			order = bytes.Compare(c.Sums[i].Key, other.Sums[k].Key)
		}
		switch {
		case order < 0:
			missing = append(missing, c.Sums[i])
			i++
		case order > 0:
			extra = append(extra, other.Sums[k])
			k++
		default:
			if !bytes.Equal(c.Sums[i].Sum, other.Sums[k].Sum) {
				d := c.Sums[i]
				d.Damaged = other.Sums[k].Damaged
				different = append(different, d)
			}
			i, k = i+1, k+1
		}
	}
	return missing, extra, different
}

// AnswerID gives the request of a key of the bucket of answers, as a Difference names it. The error is ErrDamaged.
func AnswerID(key []byte) (history.RequestID, error) { return layout.ParseAnswerKey(key) }
