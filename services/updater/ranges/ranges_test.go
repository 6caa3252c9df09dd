package ranges

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/keyrange"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// world is the committed state of the space kv, the frame in the making and what both come to.
type world struct {
	frame   Frame
	items   map[string]storage.Item // committed; revision 0: deleted, and still there to be walked past
	entries []history.Stored
	left    map[string]uint64
}

func newWorld(sequence uint64) *world {
	return &world{frame: Frame{End: sequence}, items: map[string]storage.Item{}, left: map[string]uint64{}}
}

func (w *world) Revision(_ string, key []byte) uint64 { return w.items[string(key)].Revision }

func (w *world) Walk(_ string, prefix, after []byte) iter.Seq[storage.Item] {
	return func(yield func(storage.Item) bool) {
		for _, key := range slices.Sorted(maps.Keys(w.items)) {
			it := w.items[key]
			it.Key = []byte(key)
			if strings.HasPrefix(key, string(prefix)) && key > string(after) && !yield(it) {
				return
			}
		}
	}
}

// write adds an entry to the frame: keys are put, or deleted when they begin with "-".
func (w *world) write(space string, keys ...string) {
	sequence := w.frame.End + uint64(len(w.entries)) + 1
	e := history.Entry{Space: space, Position: position.Position{Epoch: 1, Sequence: sequence}}
	for _, key := range keys {
		key, deleted := strings.CutPrefix(key, "-")
		e.Effects = append(e.Effects, history.Effect{Key: []byte(key), Delete: deleted})
		if space == "kv" {
			if w.left[key] = sequence; deleted {
				w.left[key] = 0
			}
		}
	}
	w.entries = append(w.entries, history.Stored{Entry: e})
}

func (w *world) decide(wanted ...keyrange.Range) Outcome {
	return w.frame.Decide(w, "kv", wanted, w.entries, func(key string) (uint64, bool) {
		left, written := w.left[key]
		return left, written
	})
}

// now is what is there at the moment, in the frame or committed.
func (w *world) now(r keyrange.Range) map[string]uint64 {
	there := map[string]uint64{}
	for key, it := range w.items {
		there[key] = it.Revision
	}
	maps.Copy(there, w.left)
	maps.DeleteFunc(there, func(key string, revision uint64) bool { return revision == 0 || !r.Contains([]byte(key)) })
	return there
}

// commit makes the frame the committed state.
func (w *world) commit() {
	for key, revision := range w.left {
		w.items[key] = storage.Item{Revision: revision}
	}
	w.frame = Frame{End: w.frame.End + uint64(len(w.entries))}
	w.entries, w.left = nil, map[string]uint64{}
}

func with(prefix string, keys, sequence uint64) keyrange.Range {
	return keyrange.Range{Prefix: []byte(prefix), Keys: keys, Sequence: sequence}
}

// TestFrame_Decides is the table of what a range meets: a and b are committed as of 4 and 5, the end is 9.
func TestFrame_Decides(t *testing.T) {
	for name, c := range map[string]struct {
		before []string // entries of the frame
		wanted keyrange.Range
		moved  bool
		rests  bool // on the frame
	}{
		"as it was":                              {nil, with("", 2, 9), false, false},
		"as it was, long ago":                    {nil, with("", 2, 5), false, false},
		"one has changed":                        {nil, with("", 2, 4), true, false},
		"one has come":                           {nil, with("", 1, 4), true, false},
		"one has gone":                           {nil, with("", 3, 9), true, false},
		"one has gone, another has come":         {nil, with("", 2, 4), true, false},
		"nothing is where nothing was":           {nil, with("c", 0, 9), false, false},
		"one before it":                          {nil, keyrange.Range{After: []byte("a"), Keys: 1, Sequence: 9}, false, false},
		"one behind it":                          {nil, keyrange.Range{Through: []byte("a"), Keys: 1, Sequence: 4}, false, false},
		"the frame writes elsewhere":             {[]string{"c"}, keyrange.Range{Through: []byte("b"), Keys: 2, Sequence: 9}, false, false},
		"the frame changes one":                  {[]string{"a"}, with("", 2, 9), true, true},
		"the frame adds one":                     {[]string{"c"}, with("", 2, 9), true, true},
		"the frame adds one where nothing was":   {[]string{"x", "c1"}, with("c", 0, 9), true, true},
		"the frame deletes one":                  {[]string{"-b"}, with("", 2, 9), true, true},
		"the frame deletes what is not there":    {[]string{"-c"}, with("", 2, 9), false, true},
		"the frame adds one and takes it away":   {[]string{"c", "-c"}, with("", 2, 9), false, true},
		"the frame deletes one and puts it back": {[]string{"-b", "b"}, with("", 2, 9), true, true},
		"the frame takes away what has come":     {[]string{"-b"}, with("", 1, 4), false, true},
		"the frame writes the key before it":     {[]string{"a"}, keyrange.Range{After: []byte("a"), Keys: 1, Sequence: 9}, false, false},
		"the frame writes the last key of it":    {[]string{"b"}, keyrange.Range{Through: []byte("b"), Keys: 2, Sequence: 9}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(9)
			w.items["a"], w.items["b"] = storage.Item{Revision: 4}, storage.Item{Revision: 5}
			w.write("ledger", "a", "b", "c") // another space
			for _, key := range c.before {
				w.write("kv", key)
			}
			o := w.decide(with("nowhere", 0, 9), c.wanted)
			if moved := o.Reply.Code == bus.CodeConflict; moved != c.moved || moved != slices.Equal(o.Reply.Moved, []int{1}) || o.Full {
				t.Errorf("got %+v", o)
			}
			if o.Drafted != c.rests || o.Deferred != (c.rests && c.moved) {
				t.Errorf("rests on the frame: %v, held %v", o.Drafted, o.Deferred)
			}
		})
	}
}

// TestFrame_KnowsWhatWasThere: random updates in random frames, and ranges read at any time: each is decided as who compares what
// was there with what is there now decides it.
func TestFrame_KnowsWhatWasThere(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	keys := strings.Fields("a a/1 a/2 a/3 b b/1 b/2 c d")
	text := func(of ...string) string { return of[random.IntN(len(of))] }
	w := newWorld(1)
	var reads []keyrange.Range
	var saw []map[string]uint64
	decided := map[string]int{}
	for range 1000 {
		for range random.IntN(4) {
			r := keyrange.Range{Prefix: []byte(text("", "a", "a/", "b", "d", "e")), Sequence: w.frame.End}
			if random.IntN(2) == 0 {
				r.After = []byte(text(keys...))
			}
			if last := text(keys...); random.IntN(2) == 0 {
				if r.Through = []byte(last); r.Validate(8) != nil {
					r.Through = nil
				}
			}
			there := w.now(r)
			r.Keys = uint64(len(there))
			reads, saw = append(reads, r), append(saw, there)
		}
		if len(reads) > 20 {
			reads, saw = reads[len(reads)-20:], saw[len(saw)-20:]
		}
		for range random.IntN(4) {
			for i, r := range reads {
				holds := maps.Equal(saw[i], w.now(r))
				if o := w.decide(r); o.Full || (o.Reply.Code == bus.CodeOK) != holds {
					t.Fatalf("%q after %q through %q as of %d, %v then and %v now: %+v", r.Prefix, r.After, r.Through, r.Sequence, saw[i], w.now(r), o)
				}
				decided[fmt.Sprintf("frame of %v, holds %v", len(w.entries) > 0, holds)]++
			}
			w.frame.looked = 0 // the budget is another test's
			w.write(text("kv", "kv", "ledger"), text("", "-")+text(keys...), text("", "-")+text(keys...))
		}
		w.commit()
	}
	t.Log(decided)
	if len(decided) != 4 {
		t.Errorf("not all cases came: %v", decided)
	}
}

// TestFrame_KeepsItsBudget: what does not fit into the rest of a frame waits for the next; what fits into none is refused.
func TestFrame_KeepsItsBudget(t *testing.T) {
	w := newWorld(9)
	for i := range keyrange.MostKeys {
		w.items[fmt.Sprintf("k%05d", i)] = storage.Item{Revision: 1}
	}
	page := func(from, n int) keyrange.Range {
		return keyrange.Range{
			After: []byte(fmt.Sprintf("k%05d", from-1)), Through: []byte(fmt.Sprintf("k%05d", from+n-1)), Keys: uint64(n), Sequence: 9,
		}
	}
	expect := func(what string, o Outcome, full bool, code int) {
		t.Helper()
		if o.Full != full || o.Reply.Code != code {
			t.Errorf("%s: %+v", what, o)
		}
	}
	expect("most of it", w.decide(page(1, keyrange.MostKeys-100)), false, bus.CodeOK)
	looked := w.frame.looked
	expect("more than the rest", w.decide(page(1, 200)), true, bus.CodeOK)
	if w.frame.looked != looked {
		t.Errorf("%d keys were looked at for what could not fit", w.frame.looked-looked)
	}
	expect("a small one", w.decide(page(1, 20)), false, bus.CodeOK)
	w.commit()
	expect("in the next frame", w.decide(page(1, 200)), false, bus.CodeOK)
	w.commit()

	// What the frame has written counts too.
	for i := range 1000 {
		w.write("kv", fmt.Sprintf("z%05d", i))
	}
	expect("behind a thousand updates", w.decide(page(1, keyrange.MostKeys-500)), true, bus.CodeOK)
	w.entries, w.left = nil, map[string]uint64{}
	w.commit()

	// Values are read, so they count by the KiB.
	for key := range w.items {
		w.items[key] = storage.Item{Revision: 1, Value: make([]byte, 4<<10)}
	}
	expect("few keys with large values", w.decide(page(1, 3000)), false, bus.CodeOK)
	w.commit()
	expect("too many of them", w.decide(page(1, 4000)), false, bus.CodeTooLarge)
	w.commit()

	// What was just deleted takes time as well, but not for long.
	for key := range w.items {
		w.items[key] = storage.Item{}
	}
	w.items["k99999"] = storage.Item{Revision: 1}
	expect("behind what was deleted", w.decide(keyrange.Range{Keys: 1, Sequence: 9}), false, bus.CodeOverloaded)
}

func TestRefuse_BoundsWhatComesFromOutside(t *testing.T) {
	many := make([]keyrange.Range, keyrange.MostRanges+1)
	for name, c := range map[string]struct {
		ranges []keyrange.Range
		code   int // 0: let pass
	}{
		"none":                  {nil, 0},
		"as many as may be":     {many[:keyrange.MostRanges], 0},
		"one too many":          {many, bus.CodeTooLarge},
		"all that fits":         {[]keyrange.Range{with("", keyrange.MostKeys-1, 1)}, 0},
		"too many keys":         {[]keyrange.Range{with("", keyrange.MostKeys, 1)}, bus.CodeTooLarge},
		"too many together":     {[]keyrange.Range{with("", keyrange.MostKeys/2, 1), with("", keyrange.MostKeys/2, 1)}, bus.CodeTooLarge},
		"a number without end":  {[]keyrange.Range{with("", 1<<64-1, 1), with("", 1<<64-1, 1)}, bus.CodeTooLarge},
		"a prefix that is none": {[]keyrange.Range{with(strings.Repeat("k", history.MaxKey+1), 0, 1)}, bus.CodeMalformed},
		"an end before its beginning": {
			[]keyrange.Range{{After: []byte("b"), Through: []byte("a")}}, bus.CodeMalformed},
	} {
		code := 0
		if refused := Refuse(c.ranges); refused != nil {
			if code = refused.Code; refused.Message == "" {
				t.Errorf("%s: refused without a sentence", name)
			}
		}
		if code != c.code {
			t.Errorf("%s: %d, want %d", name, code, c.code)
		}
	}
	if o := newWorld(9).decide(with("", 0, 10)); o.Reply.Code != bus.CodeMalformed {
		t.Errorf("a range of the future: %+v", o)
	}
}

func TestUnmoved_SaysWhatHasMoved(t *testing.T) {
	w := newWorld(9)
	w.items["a"], w.items["b"] = storage.Item{Revision: 4}, storage.Item{Revision: 5}
	held := []bus.Condition{{Key: []byte("a"), Revision: 4}, {Key: []byte("b"), Present: true}, {Key: []byte("c")}}
	if r := Unmoved(w, 9, "kv", held, []keyrange.Range{with("", 2, 9)}); r != nil {
		t.Errorf("nothing has moved: %+v", r)
	}
	lost := append(held, bus.Condition{Key: []byte("d"), Present: true}, bus.Condition{Key: []byte("a"), Revision: 3})
	r := Unmoved(w, 9, "kv", lost, []keyrange.Range{with("", 2, 9), with("b", 1, 4)})
	if r == nil || r.Code != bus.CodeConflict || !slices.Equal(r.Moved, []int{1}) || fmt.Sprintf("%s", r.Conflicts) != "[d a]" {
		t.Errorf("got %+v", r)
	}
	if r := Unmoved(w, 9, "kv", make([]bus.Condition, mostKeys+1), nil); r == nil || r.Code != bus.CodeTooLarge {
		t.Errorf("conditions without bound: %+v", r)
	}
	if r := Unmoved(w, 9, "kv", nil, make([]keyrange.Range, keyrange.MostRanges+1)); r == nil || r.Code != bus.CodeTooLarge {
		t.Errorf("ranges without bound: %+v", r)
	}
}

// TestIndex_IsASortedSet: whatever is added in whatever portions, it is found once, in order, and in few runs.
func TestIndex_IsASortedSet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var x index
	all := map[string]bool{}
	for range 3000 {
		var names []string
		for range random.IntN(6) {
			name := fmt.Sprint(random.IntN(5000))
			names, all[name] = append(names, name), true
		}
		x.add(names)
	}
	from := "3"
	var got []string
	x.from(from, func(names []string) bool {
		if !slices.IsSortedFunc(names, cmp.Compare[string]) || names[0] < from {
			t.Errorf("a run begins with %s", names[0])
		}
		got = append(got, names...)
		return true
	})
	maps.DeleteFunc(all, func(name string, _ bool) bool { return name < from })
	slices.Sort(got)
	if want := slices.Sorted(maps.Keys(all)); !slices.Equal(slices.Compact(got), want) {
		t.Errorf("%d names from %s on, want %d", len(got), from, len(want))
	}
	if len(x.runs) > 14 {
		t.Errorf("%d runs", len(x.runs))
	}
}
