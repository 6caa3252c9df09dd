package board

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/services/updater/leaving/leavingtest"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/position"
)

// space is an outbox in memory.
type space struct {
	*leavingtest.Space
	time int64
}

func newSpace(t *testing.T, ids ...string) *space {
	t.Helper()
	s := &space{leavingtest.NewSpace(), 1000}
	s.Strict = true
	if err := s.order(&Orders{Add: ids}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *space) apply(change func(*leaving.Set) error) error {
	return s.Update(leaving.Update{Time: s.time}, change)
}

func (s *space) order(o *Orders) error { return s.apply(o.Change) }

func (s *space) tell(list ...outbox.Notice) error {
	return s.apply(func(set *leaving.Set) error { return Change(set, "kv", list) })
}

func to(topic string, ids ...string) outbox.Notice { return outbox.Notice{To: ids, Topic: topic} }

func all(topic string) outbox.Notice { return outbox.Notice{All: true, Topic: topic} }

// topics gives what is in a stream after a number.
func (s *space) topics(t *testing.T, id string, after notices.Number) (list []string) {
	t.Helper()
	p := Stream(s, id, after, 1000, 1<<20)
	if p.Unreadable != "" || p.More {
		t.Fatalf("%+v", p)
	}
	for i, n := range p.Kept {
		if want := p.Trimmed.Count + uint64(i) + 1; after == (notices.Number{}) && n.Count != want {
			t.Errorf("%s: notice %d counts %d, want %d", id, i, n.Count, want)
		}
		list = append(list, p.Contents[i].Topic)
	}
	return list
}

func TestChange_NoticesAreInTheStreamsOfThoseTheyAreFor(t *testing.T) {
	s := newSpace(t, "t1", "t2", "t3")
	for _, list := range [][]outbox.Notice{{to("a", "t1"), all("b"), to("c", "t2", "t1")}, {all("d")}, {to("e", "t2")}} {
		if err := s.tell(list...); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string][]string{"t1": {"a", "c"}, "t2": {"c", "e"}, "t3": nil, "": {"b", "d"}} {
		if diff := cmp.Diff(want, s.topics(t, id, notices.Number{})); diff != "" {
			t.Errorf("%q: %s", id, diff)
		}
	}
	if got := s.topics(t, "t1", notices.Number{Epoch: 1, Sequence: 102, Index: 0}); !slices.Equal(got, []string{"c"}) {
		t.Errorf("after the first: %q", got)
	}
	one, ok, err := Find(s, "t1")
	if err != nil || !ok || one.Total != 2 || one.Kept != 2 || one.Bytes != 2*(overhead+2) || one.Begin[notices.Common].Number.Sequence != 101 {
		t.Errorf("%+v, %v", one, err)
	}
	if n, first, err := Waiting(s, "t1", notices.Number{}); n != 2 || first != 1000 || err != nil {
		t.Errorf("%d wait, the first of %d, %v", n, first, err)
	}
}

func TestChange_RefusesUnknownTerminalsAndFullStreamsAsAWhole(t *testing.T) {
	s := newSpace(t, "t1", "t2")
	if err := s.order(&Orders{Leave: []string{"t2"}}); err != nil {
		t.Fatal(err)
	}
	before := maps.Clone(s.Items)
	for _, id := range []string{"t9", "t2"} {
		err := s.tell(to("a", "t1"), all("b"), to("c", id))
		if !errors.Is(err, leaving.ErrAbsent) || leaving.Code(err) != bus.CodeAbsent || !strings.Contains(err.Error(), id) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if diff := cmp.Diff(before, s.Items); diff != "" {
		t.Error(diff)
	}
	large := outbox.Notice{To: []string{"t1"}, Topic: "large", Body: make([]byte, outbox.MaxBody)}
	for range 2 * BoundsOf("t1").Bytes / (outbox.MaxBody + overhead) {
		if err := s.tell(large); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.tell(large); !errors.Is(err, leaving.ErrOverloaded) || leaving.Code(err) != bus.CodeOverloaded || !strings.Contains(err.Error(), "terminal t1") {
		t.Errorf("a full stream: %v", err)
	}
	if err := s.tell(all("others")); err != nil {
		t.Errorf("somebody else's stream: %v", err)
	}
}

func TestTrimming_WhatIsHadAndWhatIsTooMuchAndNoOneElses(t *testing.T) {
	s := newSpace(t, "t1", "t2")
	var numbers []notices.Number
	for n := range 10 {
		if s.time = int64(n); n%2 == 0 {
			s.time = 1000 + int64(n)
		}
		if err := s.tell(to(fmt.Sprint("n", n), "t1", "t2")); err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, notices.Number{Epoch: 1, Sequence: s.Sequence})
	}
	if _, _, ok, err := Trimming(s, "t1", 1010, notices.Number{}, false); ok || err != nil {
		t.Errorf("what nobody has goes: %v", err)
	}
	trim, lost, ok, err := Trimming(s, "t1", 1010, numbers[3], false)
	if err != nil || !ok || lost != 0 || trim.To.Number != numbers[3] || trim.To.Count != 4 {
		t.Fatalf("%+v, %d, %v", trim, lost, err)
	}
	if err := s.order(&Orders{Trims: []Trim{trim}, Had: []Had{{ID: "t1", Had: [2]notices.Number{numbers[3], {}}}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.order(&Orders{Trims: []Trim{trim}}); !errors.Is(err, leaving.ErrGone) {
		t.Errorf("trimmed twice: %v", err)
	}
	if got := s.topics(t, "t1", notices.Number{}); !slices.Equal(got, []string{"n4", "n5", "n6", "n7", "n8", "n9"}) {
		t.Errorf("%q", got)
	}
	if got := s.topics(t, "t2", notices.Number{}); len(got) != 10 {
		t.Errorf("another's: %q", got)
	}
	one, _, err := Find(s, "t1")
	if err != nil || one.Kept != 6 || one.Total != 10 || one.Trimmed != trim.To || one.Had[notices.Own] != numbers[3] {
		t.Errorf("%+v, %v", one, err)
	}
	// A week later all that is left is too old, and lost.
	late := int64(BoundsOf("t1").Age) + 2000
	if trim, lost, ok, err = Trimming(s, "t1", late, numbers[3], false); err != nil || !ok || lost != 6 || len(trim.Gone) != 6 {
		t.Errorf("%+v, %d lost, %v", trim, lost, err)
	}
}

// TestOrders_ATerminalLeavesAndComesBack: what it has is taken away, and it begins with the update that adds it again.
func TestOrders_ATerminalLeavesAndComesBack(t *testing.T) {
	s := newSpace(t, "t1")
	do := func(o *Orders) {
		t.Helper()
		if err := s.order(o); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if err := s.tell(to("old", "t1"), all("common")); err != nil {
			t.Fatal(err)
		}
	}
	do(&Orders{Leave: []string{"t1", "unknown"}})
	do(&Orders{Forget: []string{"t1"}})
	if _, ok, _ := Find(s, "t1"); !ok {
		t.Fatal("it is forgotten with its notices")
	}
	do(&Orders{Add: []string{"t1", "t2"}})
	if err := s.tell(to("new", "t1")); err != nil {
		t.Fatal(err)
	}
	one, _, err := Find(s, "t1")
	if err != nil || one.Leaving || one.Begin[notices.Own].Count != 3 || one.Begin[notices.Common].Count != 3 {
		t.Fatalf("%+v, %v", one, err)
	}
	if got := s.topics(t, "t1", one.Begin[notices.Own].Number); !slices.Equal(got, []string{"new"}) {
		t.Errorf("from where it begins: %q", got)
	}
	do(&Orders{Leave: []string{"t1"}})
	trim, lost, ok, err := Trimming(s, "t1", 0, notices.Number{}, true)
	if err != nil || !ok || lost != 0 || len(trim.Gone) != 4 {
		t.Fatalf("%+v, %d, %v", trim, lost, err)
	}
	do(&Orders{Trims: []Trim{trim}, Had: []Had{{ID: "unknown"}, {ID: "t1"}}})
	do(&Orders{Forget: []string{"t1"}})
	list, next := Terminals(s, "", 10)
	if next != "" || len(list) != 1 || list[0].ID != "t2" {
		t.Errorf("%+v, %q", list, next)
	}
}

// TestStream_InPieces: pages of any size give the same notices in the same order.
func TestStream_InPieces(t *testing.T) {
	s := newSpace(t, "t1")
	var want []string
	for n := range 50 {
		want = append(want, fmt.Sprint("n", n))
		if err := s.tell(outbox.Notice{To: []string{"t1"}, Topic: want[n], Body: make([]byte, rand.IntN(500))}); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		var got []string
		for after := (notices.Number{}); ; {
			p := Stream(s, "t1", after, 1+rand.IntN(7), rand.IntN(2000))
			if p.Unreadable != "" || len(p.Kept) == 0 {
				t.Fatalf("%+v", p)
			}
			for i := range p.Kept {
				got = append(got, p.Contents[i].Topic)
				after = p.Kept[i].Number
			}
			if !p.More {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestStreamOf(t *testing.T) {
	n := notices.Number{Epoch: 1 << 60, Sequence: 0x2f2f2f2f2f2f2f2f, Index: 0x2f2f2f2f}
	for _, id := range []string{"", "t", "notices"} {
		key := noticeKey(id, n)
		if got, ok := StreamOf(key); !ok || got != id {
			t.Errorf("%q: %q, %v", key, got, ok)
		}
		if got, err := numberOf(id, key); err != nil || got != n {
			t.Errorf("%q: %+v, %v", key, got, err)
		}
	}
	for _, key := range []string{"", "notices/own/", "notices/common/", "notices/head", "notices/terminal/t1", "timers/entry/x", "notices/own/" + strings.Repeat("x", position.NumberBytes)} {
		if id, ok := StreamOf([]byte(key)); ok {
			t.Errorf("%q is of %q", key, id)
		}
	}
}

// FuzzRead: whatever stands in the outbox is read or refused, never followed.
func FuzzRead(f *testing.F) {
	value, err := bus.Encode(terminal{Head: head{Total: 1, Kept: 1}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(value, []byte("x"), "notices/own/t1/"+strings.Repeat("n", position.NumberBytes))
	f.Add([]byte("x"), value, "notices/own/t1/n")
	f.Fuzz(func(t *testing.T, of, notice []byte, key string) {
		s := &space{Space: leavingtest.NewSpace()}
		s.Items[string(terminalKey("t1"))] = storage.Item{Key: terminalKey("t1"), Value: of, Revision: 1}
		s.Items[key] = storage.Item{Key: []byte(key), Value: notice, Revision: 1}
		Stream(s, "t1", notices.Number{}, 10, 1000)
		_, _, _, err2 := Trimming(s, "t1", 1, notices.Number{Epoch: 9}, false)
		err3 := s.tell(to("a", "t1"))
		for _, err := range []error{err2, err3} {
			if err != nil && !errors.Is(err, bus.ErrMalformed) && !errors.Is(err, bus.ErrVersion) && !errors.Is(err, leaving.ErrAbsent) && !errors.Is(err, leaving.ErrOverloaded) {
				t.Error(err)
			}
		}
	})
}
