// Package level defines the levels of hotpair. A level is what programs agree on: the formats of messages, entries
// and files, and the rules for their use. It is a number from 1 on. Each program knows a range of levels, and says
// which when it meets another one; they use a level that both know. A pair is at one level, which its history
// records, and which an operator raises: until then the previous program can serve the pair again.
package level

import (
	"fmt"
	"strconv"

	"github.com/hotpair/hotpair/services/fault"
)

// Level is the number of a level. 0 means none: for data without a history.
type Level uint16

// Oldest and newest level that this program knows. The linker can set newest, so that tests of upgrades have a later
// program.
const oldest Level = 1

var newest = "2"

// ErrApart says that two programs, or a program and data, have no level in common.
var ErrApart = fault.New("level", "no common level")

// Range is the levels that a program knows.
type Range struct {
	Oldest Level `json:"oldest" cbor:"1,keyasint"`
	Newest Level `json:"newest" cbor:"2,keyasint"`
}

// Own is the range that this program knows.
func Own() Range {
	n, err := strconv.ParseUint(newest, 10, 16)
	if err != nil || Level(n) < oldest {
		return Range{Oldest: oldest, Newest: oldest}
	}
	return Range{Oldest: oldest, Newest: Level(n)}
}

// Valid reports whether r is a range: input may be anything.
func (r Range) Valid() bool { return r.Oldest >= 1 && r.Oldest <= r.Newest }

// Has reports whether a program of this range knows a level. All know level 0.
func (r Range) Has(l Level) bool { return l == 0 || r.Oldest <= l && l <= r.Newest }

// Common returns the newest level that both know, 0 if there is none.
func (r Range) Common(o Range) Level {
	l := min(r.Newest, o.Newest)
	if !r.Valid() || !o.Valid() || l < max(r.Oldest, o.Oldest) {
		return 0
	}
	return l
}

// String returns "1", or "1 to 2".
func (r Range) String() string {
	if r.Oldest == r.Newest {
		return strconv.Itoa(int(r.Newest))
	}
	return fmt.Sprintf("%d to %d", r.Oldest, r.Newest)
}

// Party is a program in a negotiation: its name, the levels that it knows, and the level of its data.
type Party struct {
	Name string
	Range
	At Level
}

// Meet returns the newest level that both parties know. The error is ErrApart, and says what to do: when they have
// none in common, or one does not know the level of the other's data.
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

// Knows checks whether a program can use data of a level. The error is ErrApart, and says what to do.
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

// This is this program as a party without data, under a name.
func This(name string) Party { return Party{Name: name, Range: Own()} }
