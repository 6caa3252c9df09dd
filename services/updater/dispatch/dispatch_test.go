package dispatch

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/emissions"
	"github.com/hotpair/hotpair/services/timers"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/services/updater/leaving/leavingtest"
)

// space is an outbox in memory.
type space struct {
	*leavingtest.Space
	t *testing.T
}

func newSpace(t *testing.T) *space { return &space{leavingtest.NewSpace(), t} }

func (s *space) update(change func(*leaving.Set) error) error {
	return s.Update(leaving.Update{Stamp: timers.Stamp{Counted: int64(s.Sequence + 1)}, Wall: 1e18}, change)
}

func (s *space) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *space) target(name string) {
	s.t.Helper()
	s.must(s.update(SetTarget{Name: name, Target: Target{URL: "https://x"}}.Change))
}

func (s *space) emit(list ...outbox.Emission) error {
	return s.update(func(set *leaving.Set) error { return Change(set, "kv", &outbox.Changes{Emissions: list}) })
}

func (s *space) order(o ...Order) error { return s.update(Orders(o).Change) }

func (s *space) lane(target, name string) (l emissions.Lane) {
	s.t.Helper()
	waits, _, err := List(s, false, target, name, nil, 1000)
	s.must(err)
	set, _, err := List(s, true, target, name, nil, 1000)
	s.must(err)
	for _, it := range waits {
		l.Queue = append(l.Queue, emissions.Entry{Number: it.Number, At: it.At})
	}
	for _, it := range set {
		l.Parked = append(l.Parked, emissions.Entry{Number: it.Number, At: it.At})
	}
	return l
}

// TestOrders_AsTheModelSays: whatever is emitted, sent, parked, passed, released and dropped in whatever order, a lane has what the lane of
// package emissions has, the same is refused, and what is sent next, what blocks and what is counted is so.
func TestOrders_AsTheModelSays(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 60 {
		s := newSpace(t)
		s.target("billing")
		var want emissions.Lane
		for range 60 {
			change := emissions.Change{Kind: emissions.Kind(1 + r.IntN(6)), Pass: r.IntN(2) == 0, New: emissions.Number{Epoch: 1, Sequence: s.Sequence + 1}, At: int64(s.Sequence + 1)}
			if all := slices.Concat(want.Queue, want.Parked); len(all) > 0 {
				change.Number = all[r.IntN(len(all))].Number
			}
			// What the courier never asks for: to send or park while something blocks, or another one than the first.
			blocks := slices.ContainsFunc(want.Parked, func(e emissions.Entry) bool { return e.Number.After(want.Passed) })
			switch change.Kind {
			case emissions.Emit:
				change.Number = change.New
			case emissions.Done, emissions.Park:
				if blocks || len(want.Queue) == 0 {
					continue
				}
				change.Number = want.Queue[0].Number
			case emissions.Pass:
				v, e := want.Next(emissions.Target{Skip: true}, emissions.State{Right: true})
				if v != emissions.Move {
					continue
				}
				change.Number = e.Number
			}
			after, refused := want.Apply(change)
			var err error
			if change.Kind == emissions.Emit {
				err = s.emit(outbox.Emission{Target: "billing", Lane: "a", Body: []byte("1")})
			} else {
				err = s.order(Order{Target: "billing", Lane: "a", Kind: change.Kind, Number: change.Number, Pass: change.Pass})
			}
			if (err == nil) != (refused == nil) || err != nil && !errors.Is(err, leaving.ErrGone) {
				t.Fatalf("%+v of %+v: %v, the model: %v", change, want, err, refused)
			}
			if err != nil {
				continue
			}
			want = after
			got := s.lane("billing", "a")
			got.Passed = want.Passed
			sameNumbers(t, change, got, want)
			s.agrees(want)
		}
	}
}

func sameNumbers(t *testing.T, c emissions.Change, got, want emissions.Lane) {
	t.Helper()
	of := func(list []emissions.Entry) (n []emissions.Number) {
		for _, e := range list {
			n = append(n, e.Number)
		}
		slices.SortFunc(n, emissions.Number.Compare)
		return n
	}
	if d := cmp.Diff(of(want.Queue), of(got.Queue)); d != "" {
		t.Fatalf("what waits after %+v: %s", c, d)
	}
	if d := cmp.Diff(of(want.Parked), of(got.Parked)); d != "" {
		t.Fatalf("what is parked after %+v: %s", c, d)
	}
}

// agrees holds the indexes and counts against a lane.
func (s *space) agrees(want emissions.Lane) {
	s.t.Helper()
	verdict, e := want.Next(emissions.Target{}, emissions.State{Right: true})
	head, err := Head(s, "billing", "a")
	s.must(err)
	heads, next := Lanes(s, "billing", false, "", 10)
	blocks, more := Lanes(s, "billing", true, "", 10)
	if next+more != "" {
		s.t.Fatalf("there are more lanes behind %q, %q", next, more)
	}
	switch verdict {
	case emissions.Send:
		if len(heads) != 1 || len(blocks) != 0 || head.Number != e.Number || head.Blocks {
			s.t.Fatalf("%v is next: %+v in %v, blocked %v", e.Number, head, heads, blocks)
		}
	case emissions.Blocked:
		if len(heads) != 0 || len(blocks) != 1 || head.Number != e.Number || !head.Blocks {
			s.t.Fatalf("%v blocks: %+v in %v, blocked %v", e.Number, head, heads, blocks)
		}
	default:
		if len(heads)+len(blocks) > 0 || head != nil {
			s.t.Fatalf("nothing is to be done: %+v in %v, blocked %v", head, heads, blocks)
		}
	}
	k := Find(s, "billing")
	if k.Unreadable != nil || k.Waiting != len(want.Queue) || k.Parked != len(want.Parked) || k.Bytes != int64(k.Waiting+k.Parked) {
		s.t.Fatalf("%+v of %+v", k, want)
	}
	kept := 0
	for it := range s.Each("", []byte(everything), nil) {
		if !bytes.HasPrefix(it.Key, []byte(targets)) && string(it.Key) != howMany {
			kept++
		}
	}
	if k.Waiting+k.Parked == 0 && kept > 0 {
		s.t.Fatalf("nothing is there, and %d keys are kept", kept)
	}
}

func TestRelease_BehindTheRestKeepsWhoItIs(t *testing.T) {
	s := newSpace(t)
	s.target("billing")
	s.must(s.emit(outbox.Emission{Target: "billing", Lane: "a"}, outbox.Emission{Target: "billing", Lane: "a"}))
	first := s.lane("billing", "a").Queue[0].Number
	s.must(s.order(Order{Target: "billing", Lane: "a", Kind: emissions.Park, Number: first, Pass: true, Why: strings.Repeat("ä", leaving.MaxWhy)}))
	it, err := One(s, "billing", "a", first)
	if err != nil || it == nil || !it.Parked || it.Blocks || len(it.Why) == 0 || len(it.Why) > leaving.MaxWhy {
		t.Fatalf("%+v, %v", it, err)
	}
	s.must(s.order(Order{Target: "billing", Lane: "a", Kind: emissions.Release, Number: first}))
	waits, _, err := List(s, false, "", "", nil, 10)
	s.must(err)
	if len(waits) != 2 || waits[1].First != first || waits[1].Number == first || waits[1].Why != "" || waits[1].At != int64(s.Sequence) {
		t.Errorf("%+v", waits)
	}
	if _, next, err := List(s, false, "", "", nil, 1); err != nil || next == nil {
		t.Errorf("of two one is listed, and there is no more: %v", err)
	} else if rest, more, err := List(s, false, "", "", next, 10); err != nil || len(rest) != 1 || more != nil || rest[0].First != first {
		t.Errorf("the rest is %+v, %v", rest, err)
	}
}

// TestRelease_InItsPlaceIsNoOlder: the age of what is released counts from then on, for the pair as for the model.
func TestRelease_InItsPlaceIsNoOlder(t *testing.T) {
	s := newSpace(t)
	s.target("billing")
	s.must(s.emit(outbox.Emission{Target: "billing", Lane: "a"}))
	first := s.lane("billing", "a").Queue[0]
	s.must(s.order(Order{Target: "billing", Lane: "a", Kind: emissions.Park, Number: first.Number}))
	s.Sequence += 1000
	s.must(s.order(Order{Target: "billing", Lane: "a", Kind: emissions.Release, Number: first.Number}))
	it, err := Head(s, "billing", "a")
	if err != nil || it == nil || it.Number != first.Number || it.At != int64(s.Sequence) {
		t.Errorf("it was emitted at %d and released at %d: %+v, %v", first.At, s.Sequence, it, err)
	}
}

// TestReleaseDeferred_NothingIsOlder: what was there before is as old as the release, and what is emitted since as itself.
func TestReleaseDeferred_NothingIsOlder(t *testing.T) {
	s := newSpace(t)
	s.target("billing")
	s.must(s.emit(outbox.Emission{Target: "billing", Lane: "a"}))
	s.Epoch++
	s.must(s.update(Hold))
	s.Sequence += 1000
	s.must(s.update(ReleaseDeferred{}.Change))
	released := int64(s.Sequence)
	s.must(s.emit(outbox.Emission{Target: "billing", Lane: "b"}))
	for lane, want := range map[string]int64{"a": released, "b": released + 1} {
		if it, err := Head(s, "billing", lane); err != nil || it == nil || it.At != want {
			t.Errorf("lane %s: %+v, %v, want %d", lane, it, err, want)
		}
	}
}

func TestList_KeepsNoBodies(t *testing.T) {
	s := newSpace(t)
	s.target("billing")
	s.must(s.emit(outbox.Emission{Target: "billing", Lane: "a", Body: []byte("12345")}))
	if list, _, err := List(s, false, "", "", nil, 10); err != nil || len(list) != 1 || list[0].Body != nil || list[0].Bytes != 5 {
		t.Errorf("%+v, %v", list, err)
	}
	if it, err := Head(s, "billing", "a"); err != nil || string(it.Body) != "12345" || it.Bytes != 5 {
		t.Errorf("%+v, %v", it, err)
	}
}

func TestChange_Bounds(t *testing.T) {
	s := newSpace(t)
	one := outbox.Emission{Target: "billing", Lane: "a", Body: []byte("1")}
	if err := s.emit(one); !errors.Is(err, leaving.ErrAbsent) || !strings.Contains(err.Error(), "targets add billing") {
		t.Errorf("to a target that does not exist: %v", err)
	}
	s.target("billing")
	s.must(s.emit(one))
	full := func(k []byte, v any) error {
		return s.update(func(set *leaving.Set) error {
			w := changing{set}
			was, _, _ := set.Get(k)
			s.must(w.value(k, v, false))
			err := Change(set, "kv", &outbox.Changes{Emissions: []outbox.Emission{one}})
			set.Put(k, was)
			return err
		})
	}
	for what, err := range map[string]error{
		"a lane that is full":            full(key(lanes, "billing/a"), lane{Waiting: MostInLane - 1, Parked: 1}),
		"a lane that has many bytes":     full(key(lanes, "billing/a"), lane{Waiting: 2, Bytes: LaneBytes}),
		"a target that is full":          full(key(counts, "billing"), count{Waiting: 1, Parked: MostInTarget - 1}),
		"a target that has enough bytes": full(key(counts, "billing"), count{Waiting: 1, Bytes: TargetBytes}),
	} {
		if !errors.Is(err, leaving.ErrTooMany) {
			t.Errorf("%s: %v", what, err)
		}
	}
	s.must(full(key(lanes, "billing/a"), lane{Waiting: MostInLane - 1, Bytes: LaneBytes - 1}))
}

func TestTargets_AreMadeSetAndRemoved(t *testing.T) {
	s := newSpace(t)
	for i := range MostTargets {
		s.target(fmt.Sprint("t", i))
	}
	if err := s.update(SetTarget{Name: "more"}.Change); !errors.Is(err, leaving.ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
	if err := s.update(SetTarget{Name: "t0"}.Change); !errors.Is(err, leaving.ErrGone) {
		t.Errorf("made twice: %v", err)
	}
	k := Find(s, "t0")
	s.must(s.update(SetTarget{Name: "t0", Target: Target{URL: "https://y", Closing: true}, Revision: k.Revision}.Change))
	if err := s.update(SetTarget{Name: "t0", Revision: k.Revision}.Change); !errors.Is(err, leaving.ErrGone) {
		t.Errorf("set as it was once: %v", err)
	}
	if err := s.emit(outbox.Emission{Target: "t0", Lane: "a"}); !errors.Is(err, leaving.ErrAbsent) {
		t.Errorf("to one that is being removed: %v", err)
	}
	s.must(s.emit(outbox.Emission{Target: "t1", Lane: "a"}))
	if err := s.update(RemoveTarget{"t1"}.Change); !errors.Is(err, leaving.ErrOverloaded) {
		t.Errorf("one for which something waits: %v", err)
	}
	s.must(s.order(Order{Target: "t1", Lane: "a", Kind: emissions.Drop, Number: s.lane("t1", "a").Queue[0].Number}))
	for i := range MostTargets {
		s.must(s.update(RemoveTarget{fmt.Sprint("t", i)}.Change))
	}
	if err := s.update(RemoveTarget{"t1"}.Change); !errors.Is(err, leaving.ErrAbsent) {
		t.Errorf("removed twice: %v", err)
	}
	for k := range s.Items {
		if strings.HasPrefix(k, everything) {
			t.Errorf("%q is still kept", k)
		}
	}
}

func TestDeferred_UntilItIsReleased(t *testing.T) {
	s := newSpace(t)
	deferred := func(want bool, released uint64) {
		t.Helper()
		if is, r, err := Deferred(s); err != nil || is != want || r != released {
			t.Errorf("held %t, released %d, %v", is, r, err)
		}
	}
	deferred(false, 0)
	if err := s.update(ReleaseDeferred{}.Change); !errors.Is(err, leaving.ErrGone) {
		t.Errorf("nothing is held: %v", err)
	}
	s.Epoch = 3
	s.must(s.update(Hold))
	deferred(true, 0)
	s.must(s.update(ReleaseDeferred{}.Change))
	deferred(false, 3)
	s.Epoch = 5
	s.must(s.update(Hold))
	deferred(true, 3)
	s.Epoch = 6
	s.must(s.update(ReleaseDeferred{}.Change))
	deferred(false, 6)
}

func TestLanes_InPages(t *testing.T) {
	s := newSpace(t)
	s.target("billing")
	for i := range 5 {
		s.must(s.emit(outbox.Emission{Target: "billing", Lane: fmt.Sprint(i)}))
	}
	var all []string
	for after := ""; ; {
		list, next := Lanes(s, "billing", false, after, 2)
		all = append(all, list...)
		if after = next; next == "" {
			break
		}
	}
	if !slices.Equal(all, []string{"0", "1", "2", "3", "4"}) {
		t.Error(all)
	}
}

// FuzzSplit: no key is taken for that of an emission that is none.
func FuzzSplit(f *testing.F) {
	f.Add(entryKey(queue, "billing", "a", emissions.Number{Epoch: 1, Sequence: 2, Index: 3}))
	f.Add([]byte(queue + "billing/"))
	f.Fuzz(func(t *testing.T, k []byte) {
		target, name, n, err := split(queue, k)
		if err == nil && !bytes.Equal(entryKey(queue, target, name, n), k) {
			t.Errorf("%q is read as %s %s %v", k, target, name, n)
		}
	})
}

// FuzzDecode: whatever is stored is read or refused.
func FuzzDecode(f *testing.F) {
	s := &space{Space: leavingtest.NewSpace()}
	k := entryKey(parked, "billing", "a", emissions.Number{Epoch: 1})
	f.Add([]byte{1, 0xa0})
	f.Fuzz(func(t *testing.T, value []byte) {
		if it, err := decode(leaving.Committed{Reader: s}, parked, k, value, nil, 0); err == nil && (it.Target != "billing" || !it.Parked) {
			t.Errorf("%+v", it)
		}
	})
}
