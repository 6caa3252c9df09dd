package keyring

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/level/leveltest"
)

var rewrite = leveltest.Rewrite()

// TestLevel_Ring: the list as it lies in the files of the witness and of hosts.
func TestLevel_Ring(t *testing.T) {
	leveltest.Check(t, *rewrite, leveltest.Form[Ring]{Name: "ring.json", Encode: Ring.Encode, Decode: Decode, Skips: true},
		Ring{Version: 3, Hosts: []Host{{"a", keys(1)}, {"b", keys(3, 2)}}, Retired: keys(9)})
}

// key is the n-th key of a test.
func key(n byte) identity.Fingerprint { return identity.Fingerprint{0: n} }

func keys(n ...byte) []identity.Fingerprint {
	var list []identity.Fingerprint
	for _, n := range n {
		list = append(list, key(n))
	}
	return list
}

func is(t *testing.T, what string, r Ring, a, b, retired []identity.Fingerprint) {
	t.Helper()
	if !slices.Equal(r.Of("a"), a) || !slices.Equal(r.Of("b"), b) || !slices.Equal(r.Retired, retired) {
		t.Errorf("%s: %+v", what, r)
	}
	if err := r.check(); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// What changes a ring: a renewal keeps the key before, and no more; who is vouched for has one key; what was replaced is retired.
func TestRing_Changes(t *testing.T) {
	r := Ring{}.Renewed("a", key(1))
	is(t, "the first host", r, keys(1), nil, nil)
	r = r.Replaced("a", "b", key(2))
	is(t, "vouched for", r, keys(1), keys(2), nil)
	r = r.Renewed("b", key(3))
	is(t, "renewed", r, keys(1), keys(3, 2), nil)
	r = r.Renewed("b", key(4))
	is(t, "renewed again", r, keys(1), keys(4, 3), keys(2))
	r = r.Replaced("a", "b", key(5))
	is(t, "made anew", r, keys(1), keys(5), keys(4, 3, 2))
	if third := r.Replaced("a", "c", key(6)); len(third.Hosts) != 2 || !third.IsRetired(key(5)) || !third.Has("c", key(6)) {
		t.Errorf("another host in b's place: %+v", third)
	}
	is(t, "let in again", r.Replaced("a", "b", key(3)), keys(1), keys(3), keys(5, 4, 2))
	for n := range 100 {
		r = r.Replaced("a", "b", key(byte(100+n)))
	}
	if len(r.Retired) != mostRetired || !r.IsRetired(key(198)) || r.check() != nil {
		t.Errorf("%d retired: %v", len(r.Retired), r.check())
	}
}

func TestRing_Admits(t *testing.T) {
	if err := (Ring{}).Admits("b", key(1)); err != nil {
		t.Errorf("without a ring: %v", err)
	}
	r := Ring{}.Renewed("a", key(1)).Replaced("a", "b", key(2)).Replaced("a", "b", key(3))
	for _, c := range []struct {
		host string
		key  byte
		ok   bool
	}{{"a", 1, true}, {"b", 3, true}, {"b", 2, false}, {"b", 1, false}, {"a", 3, false}, {"c", 4, false}} {
		if err := r.Admits(c.host, key(c.key)); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrUnlisted) {
			t.Errorf("%s with key %d: %v", c.host, c.key, err)
		}
	}
}

// What no host writes that is let in, and what it does.
func TestRing_Follows(t *testing.T) {
	was := Ring{}.Renewed("a", key(1)).Replaced("a", "b", key(2))
	for name, c := range map[string]struct {
		was  Ring
		next Ring
		ok   bool
	}{
		"the first":                  {Ring{}, Ring{}.Renewed("a", key(1)), true},
		"a renewal":                  {was, was.Renewed("a", key(3)), true},
		"a host made anew":           {was, was.Replaced("a", "b", key(3)), true},
		"the same":                   {was, was, false},
		"an older version":           {was, Ring{Version: 1, Hosts: was.Hosts}, false},
		"the last version there is":  {was, Ring{Version: math.MaxUint64, Hosts: was.Hosts}, false},
		"nobody":                     {was, Ring{Version: 9}, false},
		"three hosts":                {was, Ring{Version: 9, Hosts: []Host{{"a", keys(1)}, {"b", keys(2)}, {"c", keys(3)}}}, false},
		"three keys":                 {was, Ring{Version: 9, Hosts: []Host{{"a", keys(1, 4, 5)}, {"b", keys(2)}}}, false},
		"one key of both":            {was, Ring{Version: 9, Hosts: []Host{{"a", keys(1)}, {"b", keys(1)}}}, false},
		"a key that is retired":      {was, Ring{Version: 9, Hosts: []Host{{"a", keys(1)}, {"b", keys(2)}}, Retired: keys(1)}, false},
		"no key":                     {was, Ring{Version: 9, Hosts: []Host{{"a", keys(1)}, {"b", keys(0)}}}, false},
		"no name":                    {was, Ring{Version: 9, Hosts: []Host{{"", keys(1)}, {"b", keys(2)}}}, false},
		"none of the known keys":     {was, Ring{Version: 9, Hosts: []Host{{"a", keys(4)}, {"b", keys(5)}}}, false},
		"the keys changed about":     {was, Ring{Version: 9, Hosts: []Host{{"a", keys(2)}, {"b", keys(1)}}}, false},
		"retired without an end":     {was, Ring{Version: 9, Hosts: was.Hosts, Retired: make([]identity.Fingerprint, 999)}, false},
		"hosts out of order":         {was, Ring{Version: 9, Hosts: []Host{{"b", keys(2)}, {"a", keys(1)}}}, false},
		"written back to one behind": {Ring{Version: 1, Hosts: was.Hosts}, was.After(Ring{}), true},
	} {
		if err := c.next.Follows(c.was); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrImpossible) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	good, _ := Ring{}.Renewed("a", key(1)).Replaced("a", "b", key(2)).Encode()
	f.Add(good)
	f.Add([]byte(`{"format":1,"version":1,"hosts":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Decode(data)
		if err != nil {
			return
		}
		again, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Decode(again); err != nil || back.Digest() != r.Digest() {
			t.Errorf("%+v became %+v, %v", r, back, err)
		}
		_ = r.Sentence()
	})
}
