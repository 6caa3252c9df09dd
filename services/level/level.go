// Package level has the levels of hotpair. A level is what programs agree on: the forms of messages, entries and files, and the
// rules by which they are used. It has a number, from 1 on. Each program knows a range of levels, and says which when it meets
// another one; what they have in common is what they speak. A pair is at one level, which its history says, and which rises only
// when an operator says so: until then the program before it can serve the pair again.
package level

import (
	"fmt"
	"strconv"

	"github.com/hotpair/hotpair/services/fault"
)

// Level numbers a level. 0 is none: of data without a history.
type Level uint16

// Oldest and newest level that this program knows. The linker can set newest: a program that calls itself a later one takes part
// in tests of upgrades.
const oldest Level = 1

var newest = "2"

// ErrApart says that two programs, or a program and data, have no level in common.
var ErrApart = fault.New("level", "no common level")

// Range is the levels that a program knows.
type Range struct {
	Oldest Level `json:"oldest" cbor:"1,keyasint"`
	Newest Level `json:"newest" cbor:"2,keyasint"`
}

// Own is what this program knows.
func Own() Range {
	n, err := strconv.ParseUint(newest, 10, 16)
	if err != nil || Level(n) < oldest {
		return Range{Oldest: oldest, Newest: oldest}
	}
	return Range{Oldest: oldest, Newest: Level(n)}
}

// Valid reports whether r is a range: what comes from outside may be anything.
func (r Range) Valid() bool { return r.Oldest >= 1 && r.Oldest <= r.Newest }

// Has reports whether a program of this range knows a level. All know the one of no history.
func (r Range) Has(l Level) bool { return l == 0 || r.Oldest <= l && l <= r.Newest }

// Common gives the newest level that both know, 0 when there is none.
func (r Range) Common(o Range) Level {
	l := min(r.Newest, o.Newest)
	if !r.Valid() || !o.Valid() || l < max(r.Oldest, o.Oldest) {
		return 0
	}
	return l
}

// String gives "1", or "1 to 2".
func (r Range) String() string {
	if r.Oldest == r.Newest {
		return strconv.Itoa(int(r.Newest))
	}
	return fmt.Sprintf("%d to %d", r.Oldest, r.Newest)
}

// Party is a program that takes part, by its name, with the levels that it knows and the one that its data are at.
type Party struct {
	Name string
	Range
	At Level
}

// Meet gives the newest level that two parties both know. The error is ErrApart, and says what to do: when they know none
// together, or one does not know the level that the other's data are at.
func Meet(a, b Party) (Level, error) {
	common := a.Common(b.Range)
	if common == 0 {
		older := a
		if b.Newest < a.Newest {
			older = b
		}
		return 0, fmt.Errorf("%w: %s knows %v, %s knows %v: upgrade %s", ErrApart, a.Name, a.Range, b.Name, b.Range, older.Name)
	}
	for _, pair := range [][2]Party{{a, b}, {b, a}} {
		program, data := pair[0], pair[1]
		if err := Knows(program, data.At); err != nil {
			return 0, fmt.Errorf("%w (the data of %s are at that level)", err, data.Name)
		}
	}
	return common, nil
}

// Knows reports whether a program can go on with data of a level. The error is ErrApart, and says what to do.
func Knows(program Party, at Level) error {
	switch {
	case program.Has(at):
		return nil
	case at > program.Newest:
		return fmt.Errorf("%w: %s knows %v, but not level %d: upgrade it", ErrApart, program.Name, program.Range, at)
	}
	return fmt.Errorf("%w: %s knows %v, but no longer level %d: first run an intermediate version and finish its upgrade (hotpair upgrade finish)",
		ErrApart, program.Name, program.Range, at)
}

// This is this program as a party that has no data, under a name.
func This(name string) Party { return Party{Name: name, Range: Own()} }
