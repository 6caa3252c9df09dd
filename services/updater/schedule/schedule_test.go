package schedule

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/timers"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/services/updater/leaving/leavingtest"
	"github.com/hotpair/hotpair/storage"
)

// space is an outbox in memory.
type space struct {
	*leavingtest.Space
	counted int64
}

func newSpace() *space { return &space{Space: leavingtest.NewSpace()} }

func (s *space) update(change func(*leaving.Set) error) error {
	return s.Update(leaving.Update{Stamp: timers.Stamp{Counted: s.counted}, Wall: 1e18}, change)
}

func (s *space) change(service string, c outbox.Changes) error {
	return s.update(func(set *leaving.Set) error { return Change(set, service, &c) })
}

func (s *space) order(o ...Order) error { return s.update(Orders(o).Change) }

func after(key string, d time.Duration) outbox.Timer {
	return outbox.Timer{Key: key, Operation: "do", After: d, Body: []byte(`{}`)}
}

// names are the keys of timers in a look, in its order.
func names(l Look) (list []string) {
	for _, r := range l.Runs {
		list = append(list, r.Service+"/"+r.Key)
	}
	return list
}

func TestDue_InTheOrderOfTheirTime(t *testing.T) {
	s := newSpace()
	minute := int64(time.Minute)
	for n, key := range []string{"c", "a", "b", "d/e\nf"} {
		if err := s.change("kv", outbox.Changes{Timers: []outbox.Timer{after(key, time.Duration(n)*time.Minute)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.change("tills", outbox.Changes{Timers: []outbox.Timer{{Key: "w", Operation: "do", At: 5 * minute}, {Key: "x", Operation: "do", At: 5, Skip: true}}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		now      timers.Time
		want     []string
		next     time.Duration
		deferred string
	}{
		{timers.Time{Counted: 0, Wall: 1, Believed: true}, []string{"kv/c"}, 4, ""},
		{timers.Time{Counted: minute, Wall: 5*minute + int64(timers.Grace), Believed: true}, []string{"kv/c", "kv/a", "tills/x", "tills/w"}, time.Minute, ""},
		{timers.Time{Counted: 9 * minute, Wall: 5 * minute}, []string{"kv/c", "kv/a", "kv/b", "kv/d/e\nf"}, 0, "wall"},
		{timers.Time{Counted: 9 * minute, Wall: 1, Believed: true, Doubt: true}, nil, 4, "counted"},
	} {
		l := Due(s, c.now, Place{}, 100)
		if diff := cmp.Diff(c.want, names(l)); diff != "" || l.Next != c.next || l.DeferredCounted != (c.deferred == "counted") || l.DeferredWall != (c.deferred == "wall") || l.Rest != nil {
			t.Errorf("at %+v: %+v, %s", c.now, l, diff)
		}
		for _, r := range l.Runs {
			if skipped := r.Verdict == timers.Skipped; skipped != (r.Key == "x" && r.Late > timers.Grace) {
				t.Errorf("at %+v %s: verdict %d, %v late", c.now, r.Key, r.Verdict, r.Late)
			}
		}
		// The same, one at a time.
		var pieces []string
		for from := (Place{}); ; {
			l := Due(s, c.now, from, 1)
			pieces = append(pieces, names(l)...)
			if l.Rest == nil {
				break
			}
			from = *l.Rest
		}
		slices.Sort(pieces)
		want := slices.Sorted(slices.Values(c.want))
		if !slices.Equal(pieces, want) {
			t.Errorf("one at a time %q, want %q", pieces, want)
		}
	}
}

func TestChanges_AreRefusedAsAWhole(t *testing.T) {
	s := newSpace()
	if err := s.change("kv", outbox.Changes{Timers: []outbox.Timer{after("a", 0)}}); err != nil {
		t.Fatal(err)
	}
	before := maps.Clone(s.Items)
	for what, fired := range map[string]*outbox.Fired{"one that is not there": {Key: "b", Revision: 101}, "one that was moved": {Key: "a", Revision: 100}} {
		err := s.change("kv", outbox.Changes{Fired: fired, Timers: []outbox.Timer{after("c", 0)}})
		if !errors.Is(err, timers.ErrMoved) || !strings.Contains(err.Error(), fmt.Sprintf("%q of kv", fired.Key)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := s.order(Order{Service: "kv", Key: "a", Kind: timers.Park, Revision: 7, Why: ""}); !errors.Is(err, timers.ErrMoved) {
		t.Errorf("an order for another revision: %v", err)
	}
	if diff := cmp.Diff(before, s.Items); diff != "" {
		t.Error(diff)
	}
	// The run of one and, in the same update, what its handler sets.
	if err := s.change("kv", outbox.Changes{Fired: &outbox.Fired{Key: "a", Revision: 101}, Timers: []outbox.Timer{after("a", time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	list, next, err := List(s, "kv", "", false, 10)
	if err != nil || next != "" || len(list) != 1 || list[0].Due != int64(time.Hour) || list[0].Revision != 102 {
		t.Errorf("%+v, %q, %v", list, next, err)
	}
}

func TestParked_StandsUntilItIsReleased(t *testing.T) {
	s := newSpace()
	now := timers.Time{Counted: int64(time.Hour), Believed: true}
	due := func() []string {
		return names(Due(s, now, Place{}, 10))
	}
	if err := s.change("kv", outbox.Changes{Timers: []outbox.Timer{after("a", 0), after("b", 0)}}); err != nil {
		t.Fatal(err)
	}
	if err := s.order(Order{Service: "kv", Key: "a", Kind: timers.Park, Revision: 101, Why: strings.Repeat("it fails ", 100)}); err != nil {
		t.Fatal(err)
	}
	if got := due(); !slices.Equal(got, []string{"kv/b"}) {
		t.Errorf("due %q", got)
	}
	list, _, err := List(s, "", "", true, 10)
	if err != nil || len(list) != 1 || list[0].Key != "a" || len(list[0].Why) != leaving.MaxWhy || !list[0].Expected.Equal(time.Unix(1e9, 0)) {
		t.Errorf("parked: %+v, %v", list, err)
	}
	counts, err := Counts(s)
	if err != nil || !slices.Equal(counts, []Count{{"kv", 2, 1}}) {
		t.Errorf("%+v, %v", counts, err)
	}
	if err := s.order(Order{Service: "kv", Key: "a", Kind: timers.Release, Revision: list[0].Revision, Why: ""}, Order{Service: "kv", Key: "b", Kind: timers.Drop, Revision: 101, Why: ""}); err != nil {
		t.Fatal(err)
	}
	if got := due(); !slices.Equal(got, []string{"kv/a"}) {
		t.Errorf("due %q", got)
	}
}

// TestChanges_AreThoseOfTheModel: whatever is done to timers of two services, the outbox has what package timers says of each, in the
// order in which they are due and in no other, and counts them right.
func TestChanges_AreThoseOfTheModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	s := newSpace()
	model := map[string]*timers.Stored{}
	for range 3000 {
		s.counted += random.Int64N(100)
		service, key := []string{"kv", "kv2"}[random.IntN(2)], []string{"a", "b", "b/c", "\x00"}[random.IntN(4)]
		id := name(service, key)
		revision := s.Sequence - random.Uint64N(4)
		if m := model[id]; m != nil && random.IntN(2) == 0 {
			revision = m.Revision
		}
		c := timers.Change{Kind: timers.Kind(1 + random.IntN(6)), Revision: revision}
		var err error
		switch c.Kind {
		case timers.Set, timers.Cancel, timers.Fire:
			var asked outbox.Changes
			if c.Kind == timers.Fire {
				asked.Fired = &outbox.Fired{Key: key, Revision: revision}
			} else {
				one := after(key, time.Duration(random.IntN(50)))
				if random.IntN(2) == 0 {
					one.After, one.At, one.Skip = 0, 1+random.Int64N(1000), true
				}
				c.After, c.Entry = one.After, timers.Entry{Service: service, Key: key, Operation: "do", Body: one.Body, Wall: one.At != 0, Due: one.At}
				if one.Skip {
					c.Entry.Late = timers.Skip
				}
				one.Cancel = c.Kind == timers.Cancel
				asked.Timers = []outbox.Timer{one}
			}
			err = s.change(service, asked)
		default:
			err = s.order(Order{Service: service, Key: key, Kind: c.Kind, Revision: revision, Why: "why"})
		}
		is, wrong := timers.Apply(model[id], c, timers.Stamp{Counted: s.counted}, s.Sequence)
		if err != nil && wrong == nil || err == nil && wrong != nil {
			t.Fatalf("%+v of %s: %v, the model says %v", c, id, err, wrong)
		}
		if err == nil {
			if model[id] = is; is == nil {
				delete(model, id)
			}
		}
		agree(t, s, model)
	}
}

// agree compares the outbox with what it should have.
func agree(t *testing.T, s *space, model map[string]*timers.Stored) {
	t.Helper()
	list, _, err := List(s, "", "", false, 1000)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{stampAt: true}
	have := map[string]int{}
	for _, it := range list {
		m := model[name(it.Service, it.Key)]
		if m == nil || !cmp.Equal(*m, it.Stored) {
			t.Fatalf("%+v, the model has %+v", it.Stored, m)
		}
		have[it.Service]++
		want[string(entryKey(name(it.Service, it.Key)))], want[string(countKey(it.Service))] = true, true
		if it.Parked {
			want[string(parkedKey(name(it.Service, it.Key)))] = true
		} else {
			want[string(orderKey(&it.Entry))] = true
		}
	}
	if len(list) != len(model) {
		t.Fatalf("%d timers, the model has %d", len(list), len(model))
	}
	for key := range s.Items {
		if !want[key] {
			t.Fatalf("%q is there", key)
		}
		delete(want, key)
	}
	delete(want, stampAt)
	if len(want) > 0 {
		t.Fatalf("%v are not there", want)
	}
	counts, err := Counts(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range counts {
		if c.Timers != have[c.Service] {
			t.Fatalf("%+v, %d are there", c, have[c.Service])
		}
	}
}

func TestDue_SaysWhatItCannotRead(t *testing.T) {
	for what, spoil := range map[string]func(s *space){
		"an entry that is gone":    func(s *space) { delete(s.Items, string(entryKey("kv/a"))) },
		"an entry of another form": func(s *space) { s.put(entryKey("kv/a"), []byte{9}) },
		"a damaged entry":          func(s *space) { s.Damage(string(entryKey("kv/a"))) },
		"an entry cut short":       func(s *space) { s.put(entryKey("kv/a"), []byte{1, 0xa3, 1}) },
		"a place without a time":   func(s *space) { s.put(append(orderPrefix(counted), "x"...), nil) },
		"a count cut short":        func(s *space) { s.put(countKey("kv"), []byte{1}) },
	} {
		s := newSpace()
		if err := s.change("kv", outbox.Changes{Timers: []outbox.Timer{after("a", 0), after("b", 0)}}); err != nil {
			t.Fatal(err)
		}
		spoil(s)
		l := Due(s, timers.Time{Counted: 1}, Place{}, 10)
		_, err := Counts(s)
		if told := errors.Is(err, bus.ErrMalformed) || errors.Is(err, bus.ErrVersion); (l.Unreadable == "") != told {
			t.Errorf("%s: %q, %v", what, l.Unreadable, err)
		}
		if got := names(l); !slices.Contains(got, "kv/b") {
			t.Errorf("%s: the other one is not run: %v", what, got)
		}
		if list, _, err := List(s, "", "", false, 10); err != nil || !slices.ContainsFunc(list, func(it Item) bool { return it.Key == "b" && it.Why == "" }) {
			t.Errorf("%s: %+v, %v", what, list, err)
		}
	}
}

// TestDue_APlaceThatIsDamaged: the timer itself says where it stands, so it is run although its place has another checksum; one that stands
// elsewhere is not.
func TestDue_APlaceThatIsDamaged(t *testing.T) {
	s := newSpace()
	if err := s.change("kv", outbox.Changes{Timers: []outbox.Timer{after("a", 0), after("b", 0)}}); err != nil {
		t.Fatal(err)
	}
	at := orderKey(&Find(s, "kv", "a").Entry)
	s.Damage(string(at))
	if l := Due(s, timers.Time{Counted: 1}, Place{}, 10); !slices.Equal(names(l), []string{"kv/a", "kv/b"}) || l.Unreadable != "" {
		t.Errorf("%v, %q", names(l), l.Unreadable)
	}
	at[len(orderPrefix(counted))+7]++
	s.put(at, nil)
	s.Damage(string(at))
	if l := Due(s, timers.Time{Counted: 2}, Place{}, 10); l.Unreadable == "" {
		t.Errorf("%v", names(l))
	}
}

func (s *space) put(key, value []byte) {
	s.Items[string(key)] = storage.Item{Key: key, Value: value, Revision: s.Sequence}
}

// FuzzDecode: no stored bytes make anything panic, and what is read is written as it was.
func FuzzDecode(f *testing.F) {
	s := newSpace()
	if err := s.change("kv", outbox.Changes{Timers: []outbox.Timer{after("a", 3)}}); err != nil {
		f.Fatal(err)
	}
	for key, it := range s.Items {
		f.Add([]byte(key), it.Value)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		_, _, _ = ordered(counted, key)
		_, _ = decodeStamp(value)
		it, err := decode(string(key), value, 7)
		if err != nil {
			return
		}
		again, err := it.encode()
		if err != nil {
			t.Fatal(err)
		}
		if same, err := decode(string(key), again, 7); err != nil || !cmp.Equal(it, same) {
			t.Errorf("%+v is read as %+v, %v", it, same, err)
		}
		if due, name, err := ordered(clockOf(&it.Entry), orderKey(&it.Entry)); err != nil || due != max(0, it.Due) || name != string(key) {
			t.Errorf("its place says %d and %q, %v", due, name, err)
		}
	})
}
