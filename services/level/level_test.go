package level

import (
	"errors"
	"strings"
	"testing"
)

func TestOwn_IsARangeWithTheLevelOfThisProgram(t *testing.T) {
	if own := Own(); !own.Valid() || own.Oldest != oldest || !own.Has(own.Newest) || !own.Has(0) || own.Has(own.Newest+1) {
		t.Errorf("own range %v", own)
	}
}

func TestMeet(t *testing.T) {
	r := func(oldest, newest Level) Range { return Range{Oldest: oldest, Newest: newest} }
	for _, c := range []struct {
		name string
		a, b Party
		want Level
		says string // of the error
	}{
		{"the same", Party{Name: "a", Range: r(1, 1)}, Party{Name: "b", Range: r(1, 1)}, 1, ""},
		{"one is newer", Party{Name: "a", Range: r(1, 2), At: 1}, Party{Name: "b", Range: r(1, 1), At: 1}, 1, ""},
		{"two that overlap", Party{Name: "a", Range: r(1, 2), At: 2}, Party{Name: "b", Range: r(2, 3)}, 2, ""},
		{"one has no data", Party{Name: "a", Range: r(1, 2), At: 2}, Party{Name: "b", Range: r(1, 2)}, 2, ""},
		{"nothing in common", Party{Name: "a", Range: r(1, 1)}, Party{Name: "b", Range: r(2, 3)}, 0, "a knows 1, b knows 2 to 3: upgrade a"},
		{"the other way", Party{Name: "a", Range: r(4, 5)}, Party{Name: "b", Range: r(2, 3)}, 0, "a knows 4 to 5, b knows 2 to 3: upgrade b"},
		{"the pair has risen", Party{Name: "a", Range: r(1, 2), At: 2}, Party{Name: "b", Range: r(1, 1)}, 0, "b knows 1, but not level 2: upgrade it (the data of a are at that level)"},
		{"the pair lags", Party{Name: "a", Range: r(1, 2), At: 1}, Party{Name: "b", Range: r(2, 3)}, 0, "b knows 2 to 3, but no longer level 1"},
		{"no range", Party{Name: "a", Range: r(1, 1)}, Party{Name: "b"}, 0, "b knows 0: upgrade b"},
		{"a range turned round", Party{Name: "a", Range: r(1, 1)}, Party{Name: "b", Range: r(3, 1)}, 0, "no common level"},
	} {
		got, err := Meet(c.a, c.b)
		if got != c.want || (err == nil) != (c.says == "") || err != nil && (!errors.Is(err, ErrApart) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: level %d, %v; want %d, %q", c.name, got, err, c.want, c.says)
		}
		if turned, err := Meet(c.b, c.a); turned != c.want || (err == nil) != (c.says == "") {
			t.Errorf("%s, the other way round: level %d, %v", c.name, turned, err)
		}
	}
}
