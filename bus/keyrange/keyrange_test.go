package keyrange_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/keyrange"
)

func between(prefix, after, through string) keyrange.Range {
	return keyrange.Range{Prefix: []byte(prefix), After: []byte(after), Through: []byte(through)}
}

func TestRange_Contains(t *testing.T) {
	for _, c := range []struct {
		r      keyrange.Range
		within string // of a, b/, b/1, b/2, b/20, b/3, c
	}{
		{keyrange.Range{}, "a b/ b/1 b/2 b/20 b/3 c"},
		{between("b/", "", ""), "b/ b/1 b/2 b/20 b/3"},
		{between("b/", "a", ""), "b/ b/1 b/2 b/20 b/3"},
		{between("b/", "b/", ""), "b/1 b/2 b/20 b/3"},
		{between("b/", "b/1", "b/2"), "b/2"},
		{between("b/", "b/2", "b/3"), "b/20 b/3"},
		{between("b/", "c", ""), ""},
		{between("", "b/2", ""), "b/20 b/3 c"},
		{between("", "", "b/2"), "a b/ b/1 b/2"},
	} {
		var within []string
		for _, key := range strings.Fields("a b/ b/1 b/2 b/20 b/3 c") {
			if c.r.Contains([]byte(key)) {
				within = append(within, key)
			}
		}
		if got := strings.Join(within, " "); got != c.within {
			t.Errorf("%q after %q through %q contains %s, want %s", c.r.Prefix, c.r.After, c.r.Through, got, c.within)
		}
	}
}

func TestRange_Validate(t *testing.T) {
	long := strings.Repeat("k", 9)
	for _, c := range []struct {
		r    keyrange.Range
		fine bool
	}{
		{keyrange.Range{}, true},
		{between("b/", "b/1", "b/2"), true},
		{between("b/", "a", "b/"), true},
		{between("b/", "", "c"), false},
		{between("b/", "", "b"), false},
		{between("b/", "b/2", "b/2"), false},
		{between("b/", "b/2", "b/1"), false},
		{between(long[:8], "", ""), true},
		{between(long, "", ""), false},
		{between("", long, ""), false},
		{between("", "", long), false},
	} {
		if err := c.r.Validate(8); (err == nil) != c.fine || err != nil && !errors.Is(err, keyrange.ErrMalformed) {
			t.Errorf("%+v: %v", c.r, err)
		}
	}
}

// TestRange_AbsentMeansNone: a process that knows no ranges says none and is asked for none; without any, a commit is written as
// it was before there were ranges.
func TestRange_AbsentMeansNone(t *testing.T) {
	before := "\x01\xa2\x04\x07\x07\xa0" // 4: the epoch, 7: an answer
	data, err := bus.Encode(bus.Commit{Epoch: 7})
	if err != nil || string(data) != before {
		t.Errorf("%q %v, want %q", data, err, before)
	}
	var c bus.Commit
	if err := bus.Decode([]byte(before), &c); err != nil || c.Ranges != nil || c.Epoch != 7 {
		t.Errorf("%+v %v", c, err)
	}
}

// A condition on a range, as it is written down: who says none is asked for none.
func Example() {
	data, err := bus.Encode(bus.Commit{Ranges: []keyrange.Range{{Prefix: []byte("by-name/ada/"), Sequence: 41}}})
	if err != nil {
		panic(err)
	}
	var c bus.Commit
	if err := bus.Decode(data, &c); err != nil {
		panic(err)
	}
	r := &c.Ranges[0]
	fmt.Println(r.Keys, r.Sequence, r.Contains([]byte("by-name/ada/7")), r.Contains([]byte("by-name/bob/7")))
	// Output: 0 41 true false
}
