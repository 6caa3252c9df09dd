package draft_test

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/keyrange"
	"github.com/hotpair/hotpair/services/updater/draft"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// fakeState is a committed state made of maps.
type fakeState struct {
	revisions map[string]uint64
	answers   map[history.RequestID]history.Answer
	tooOld    map[history.RequestID]bool
}

func (f fakeState) Revision(_ string, key []byte) uint64 { return f.revisions[string(key)] }

func (f fakeState) Look(_ string, key []byte) ([]byte, uint64, error) {
	return nil, f.revisions[string(key)], nil
}

func (fakeState) Damage() error { return nil }

func (f fakeState) Answer(id history.RequestID) (history.Answer, position.Position, storage.Lookup) {
	if f.tooOld[id] {
		return history.Answer{}, position.Position{}, storage.TooOld
	}
	if a, ok := f.answers[id]; ok {
		return a, position.Position{Epoch: 6, Sequence: 50}, storage.Found
	}
	return history.Answer{}, position.Position{}, storage.Absent
}

func (f fakeState) Walk(_ string, prefix, after []byte) iter.Seq[storage.Item] {
	return func(yield func(storage.Item) bool) {
		for _, key := range slices.Sorted(maps.Keys(f.revisions)) {
			if strings.HasPrefix(key, string(prefix)) && key > string(after) && !yield(storage.Item{Key: []byte(key), Revision: f.revisions[key]}) {
				return
			}
		}
	}
}

func ranged(prefix string, keys, sequence uint64) keyrange.Range {
	return keyrange.Range{Prefix: []byte(prefix), Keys: keys, Sequence: sequence}
}

// recordedDigest is that of a request without a body, as an entry holds it.
func recordedDigest() []byte {
	d := drafttest.Digest("")
	return d[:]
}

// inQueue is an id of the queue of terminal t1.
func inQueue(n uint64) bus.RequestID {
	return bus.RequestID{Terminal: bus.QueueSeries("t1"), Counter: n}
}

// step is one commit with what must become of it, in the notation "+8" (in the frame at sequence 8), "409", "recorded",
// "nothing"; a trailing "held" where the reply must wait for the frame (R12).
type step struct {
	commit drafttest.Request
	want   string
}

func describe(v draft.Verdict) string {
	var s string
	switch {
	case v.Full:
		return "full"
	case v.Reply.Recorded != nil:
		s = "recorded " + v.Reply.Position.String()
	case v.Reply.Code != bus.CodeOK:
		s = strconv.Itoa(v.Reply.Code)
	case v.Reply.Position.IsZero():
		s = "nothing"
	default:
		s = "+" + strconv.FormatUint(v.Reply.Position.Sequence, 10)
	}
	if v.Deferred {
		s += " held"
	}
	return s
}

func TestDraft_DecidesInOrder(t *testing.T) {
	committedState := fakeState{
		revisions: map[string]uint64{"x": 40, "y": 41},
		answers:   map[history.RequestID]history.Answer{{Terminal: "t1", Counter: 3}: {Body: []byte(`{}`), Revision: true, Request: recordedDigest()}},
		tooOld:    map[history.RequestID]bool{{Terminal: "t1", Counter: 1}: true},
	}
	for name, steps := range map[string][]step{
		"A3 what is accepted gets the next position": {
			{drafttest.Request{Operations: []bus.Operation{drafttest.Put("a", "1")}}, "+101 held"},
			{drafttest.Request{Operations: []bus.Operation{drafttest.Put("b", "1")}}, "+102 held"},
		},
		"conditions on committed state": {
			{drafttest.Request{Conditions: []bus.Condition{drafttest.Has("x", 40)}, Operations: []bus.Operation{drafttest.Put("x", "1")}}, "+101 held"},
			{drafttest.Request{Conditions: []bus.Condition{drafttest.Has("y", 40)}, Operations: []bus.Operation{drafttest.Put("y", "1")}}, "409"},
			{drafttest.Request{Conditions: []bus.Condition{drafttest.Has("y", 0)}, Operations: []bus.Operation{drafttest.Put("y", "1")}}, "409"},
			{drafttest.Request{Conditions: []bus.Condition{drafttest.Has("z", 0)}, Operations: []bus.Operation{drafttest.Put("z", "1")}}, "+102 held"},
			{drafttest.Request{Conditions: []bus.Condition{drafttest.Present("y")}, Operations: []bus.Operation{drafttest.Put("y", "1")}}, "+103 held"},
			{drafttest.Request{Conditions: []bus.Condition{drafttest.Present("none")}, Operations: []bus.Operation{drafttest.Put("y", "1")}}, "409"},
		},
		"R12 conditions on earlier updates of the frame hold the answer": {
			{drafttest.Request{Operations: []bus.Operation{drafttest.Put("x", "1")}}, "+101 held"},
			{drafttest.Request{Conditions: []bus.Condition{drafttest.Has("x", 40)}, Operations: []bus.Operation{drafttest.Put("x", "2")}}, "409 held"},
			{drafttest.Request{Conditions: []bus.Condition{drafttest.Has("x", 101)}, Operations: []bus.Operation{drafttest.Put("x", "2")}}, "+102 held"},
			{drafttest.Request{Conditions: []bus.Condition{drafttest.Has("x", 102), drafttest.Has("y", 1)}, Operations: []bus.Operation{drafttest.Put("x", "2")}}, "409"},
			{drafttest.Request{Operations: []bus.Operation{drafttest.Del("x")}}, "+103 held"},
			{drafttest.Request{Conditions: []bus.Condition{drafttest.Has("x", 0)}, Operations: []bus.Operation{drafttest.Put("x", "3")}}, "+104 held"},
		},
		"ranges on committed state, x as of 40 and y as of 41": {
			{drafttest.Request{Ranges: []keyrange.Range{ranged("", 2, 100)}, Operations: []bus.Operation{drafttest.Put("a", "1")}}, "+101 held"},
			{drafttest.Request{Ranges: []keyrange.Range{ranged("x", 1, 40)}, Operations: []bus.Operation{drafttest.Put("x/1", "1")}}, "+102 held"},
			{drafttest.Request{Ranges: []keyrange.Range{ranged("y", 1, 40)}, Operations: []bus.Operation{drafttest.Put("a", "1")}}, "409"},
			{drafttest.Request{Ranges: []keyrange.Range{ranged("y", 0, 40)}, Operations: []bus.Operation{drafttest.Put("a", "1")}}, "409"},
			{drafttest.Request{Ranges: []keyrange.Range{ranged("y", 1, 101)}, Operations: []bus.Operation{drafttest.Put("a", "1")}}, "400"},
			{drafttest.Request{Ranges: []keyrange.Range{ranged("y", 1, 41)}, Conditions: []bus.Condition{drafttest.Has("x", 3)}}, "409"},
			{drafttest.Request{Ranges: []keyrange.Range{ranged("y", 1, 41)}}, "nothing"},
		},
		"R12 a key that appears in a range within the frame": {
			{drafttest.Request{Ranges: []keyrange.Range{ranged("n/", 0, 100)}, Operations: []bus.Operation{drafttest.Put("n/1", "1")}}, "+101 held"},
			{drafttest.Request{Ranges: []keyrange.Range{ranged("n/", 0, 100)}, Operations: []bus.Operation{drafttest.Put("n/2", "1")}}, "409 held"},
			{drafttest.Request{Ranges: []keyrange.Range{ranged("o/", 0, 100)}, Operations: []bus.Operation{drafttest.Put("o/1", "1")}}, "+102 held"},
			{drafttest.Request{Ranges: []keyrange.Range{ranged("x", 1, 100)}, Operations: []bus.Operation{drafttest.Del("x")}}, "+103 held"},
			{drafttest.Request{Ranges: []keyrange.Range{ranged("x", 1, 100)}, Operations: []bus.Operation{drafttest.Put("z", "1")}}, "409 held"},
			{drafttest.Request{Ranges: []keyrange.Range{ranged("x", 0, 39)}, Operations: []bus.Operation{drafttest.Put("z", "1")}}, "+104 held"},
			{drafttest.Request{Ranges: []keyrange.Range{ranged("x", 0, 39)}}, "nothing held"},
		},
		"A2 a commit that changes nothing is not in the frame": {
			{drafttest.Request{ID: drafttest.Counter(9)}, "nothing"},
			{drafttest.Request{ID: drafttest.Counter(9), Conditions: []bus.Condition{drafttest.Has("x", 40)}}, "nothing"},
			{drafttest.Request{ID: drafttest.Counter(9), Operations: []bus.Operation{drafttest.Put("x", "")}}, "+101 held"},
			{drafttest.Request{ID: drafttest.Counter(10), Conditions: []bus.Condition{drafttest.Has("x", 101)}}, "nothing held"},
		},
		"R7 an answer may be recorded without a change": {
			{drafttest.Request{ID: drafttest.Counter(9), Record: true, Answer: bus.Answer{Code: 409}}, "+101 held"},
			{drafttest.Request{ID: drafttest.Counter(9), Record: true}, "recorded 7/101 held"},
		},
		"what a queue asks again is not written down, until there is another answer": {
			{drafttest.Request{ID: inQueue(9), Record: true, Answer: bus.Answer{Code: bus.CodeOverloaded}}, "nothing"},
			{drafttest.Request{ID: inQueue(9), Record: true, Answer: bus.Answer{Code: bus.CodeAbsent}}, "nothing"},
			{drafttest.Request{ID: inQueue(9), Record: true, Answer: bus.Answer{Code: bus.CodeNobody}}, "nothing"},
			{drafttest.Request{ID: inQueue(9), Record: true, Answer: bus.Answer{Code: bus.CodeConflict}}, "+101 held"},
			{drafttest.Request{ID: inQueue(9), Record: true, Answer: bus.Answer{Code: bus.CodeOverloaded}}, "recorded 7/101 held"},
			{drafttest.Request{ID: drafttest.Counter(9), Record: true, Answer: bus.Answer{Code: bus.CodeOverloaded}}, "+102 held"},
		},
		"R7 a request takes effect once": {
			{drafttest.Request{ID: drafttest.Counter(3), Operations: []bus.Operation{drafttest.Put("x", "1")}}, "recorded 6/50"},
			{drafttest.Request{ID: drafttest.Counter(4), Operations: []bus.Operation{drafttest.Put("x", "1")}}, "+101 held"},
			{drafttest.Request{ID: drafttest.Counter(4), Operations: []bus.Operation{drafttest.Put("x", "1")}}, "recorded 7/101 held"},
			{drafttest.Request{ID: bus.RequestID{Terminal: "t2", Counter: 4}, Operations: []bus.Operation{drafttest.Put("x", "1")}}, "+102 held"},
		},
		"R7 a forgotten request is refused": {
			{drafttest.Request{ID: drafttest.Counter(1), Operations: []bus.Operation{drafttest.Put("x", "1")}}, "410"},
			{drafttest.Request{ID: drafttest.Counter(9), Oldest: 8, Operations: []bus.Operation{drafttest.Put("x", "1")}}, "+101 held"},
			{drafttest.Request{ID: drafttest.Counter(7), Oldest: 7, Operations: []bus.Operation{drafttest.Put("x", "1")}}, "410 held"},
			{drafttest.Request{ID: drafttest.Counter(8), Oldest: 8, Operations: []bus.Operation{drafttest.Put("x", "1")}}, "+102 held"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			end := history.Mark{Position: position.Position{Epoch: 7, Sequence: 100}, Digest: history.Digest{1}}
			d := draft.New(7, end, 1000)
			for i, s := range steps {
				call, refused := s.commit.Admitted()
				if refused != nil {
					t.Fatalf("step %d refused at admission: %+v", i, refused)
				}
				if got := describe(d.Add(committedState, call)); got != s.want {
					t.Errorf("step %d: got %q, want %q", i, got, s.want)
				}
			}
			for _, e := range d.Entries() {
				if err := e.Follows(end); err != nil {
					t.Errorf("the frame does not chain: %v", err)
				}
				end = e.Mark()
			}
		})
	}
}

func TestDraft_RepeatsTheRecordedAnswer(t *testing.T) {
	d := draft.New(7, history.Mark{Position: position.Position{Epoch: 7, Sequence: 100}}, 1000)
	commit := drafttest.Request{ID: drafttest.Counter(4), Operations: []bus.Operation{drafttest.Put("x", "1")}, Answer: bus.Answer{Body: []byte(`{"ok":1}`), Revision: true}}
	for range 2 {
		call, _ := commit.Admitted()
		v := d.Add(fakeState{}, call)
		if v.Reply.Recorded == nil {
			continue
		}
		want := &bus.Reply{Body: []byte(`{"ok":1,"revision":101}`), Position: position.Position{Epoch: 7, Sequence: 101}}
		if diff := cmp.Diff(want, v.Reply.Recorded); diff != "" {
			t.Error(diff)
		}
		return
	}
	t.Error("no recorded answer")
}

func TestDraft_IsBounded(t *testing.T) {
	d := draft.New(7, history.Mark{Position: position.Position{Epoch: 7, Sequence: 100}}, 1000)
	big := string(make([]byte, 1<<20-1024))
	taken := 0
	for {
		call, refused := drafttest.Request{Operations: []bus.Operation{drafttest.Put("k", big)}}.Admitted()
		if refused != nil {
			t.Fatal(refused)
		}
		if d.Add(fakeState{}, call).Full {
			break
		}
		taken++
	}
	bytes := 0
	for _, e := range d.Entries() {
		bytes += len(e.Raw)
	}
	if taken == 0 || len(d.Entries()) != taken || bytes > draft.FrameBytes {
		t.Errorf("%d updates of %d bytes in one frame", taken, bytes)
	}
}

// TestDraft_RangesHaveABudget: what would look at more than a frame may waits for the next one, in which it is the first.
func TestDraft_RangesHaveABudget(t *testing.T) {
	s := fakeState{revisions: map[string]uint64{}}
	for i := range keyrange.MostKeys {
		s.revisions[fmt.Sprintf("k%d", i)] = 1
	}
	large, refused := drafttest.Request{Ranges: []keyrange.Range{ranged("k", keyrange.MostKeys, 100)}}.Admitted()
	if refused == nil {
		t.Fatalf("%d keys in one frame: %+v", keyrange.MostKeys, large)
	}
	delete(s.revisions, "k1") // now it just fits
	large, refused = drafttest.Request{Ranges: []keyrange.Range{ranged("k", keyrange.MostKeys-1, 100)}, Operations: []bus.Operation{drafttest.Put("a", "1")}}.Admitted()
	if refused != nil {
		t.Fatal(refused)
	}
	small, _ := drafttest.Request{Ranges: []keyrange.Range{ranged("b", 0, 100)}, Operations: []bus.Operation{drafttest.Put("b", "1")}}.Admitted()
	plain, _ := drafttest.Request{Operations: []bus.Operation{drafttest.Put("c", "1")}}.Admitted()
	for _, c := range []struct {
		calls []*draft.Commit
		want  string
	}{
		{[]*draft.Commit{large, plain, small}, "+101 held, +102 held, full"},
		{[]*draft.Commit{small, large}, "+101 held, full"},
		{[]*draft.Commit{plain, large}, "+101 held, full"},
		{[]*draft.Commit{small, plain}, "+101 held, +102 held"},
	} {
		d := draft.New(7, history.Mark{Position: position.Position{Epoch: 7, Sequence: 100}}, 1000)
		var got []string
		for _, call := range c.calls {
			got = append(got, describe(d.Add(s, call)))
		}
		if got := strings.Join(got, ", "); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// BenchmarkDraft is what an update costs in frames of a thousand.
func BenchmarkDraft(b *testing.B) {
	call, _ := drafttest.Request{Conditions: []bus.Condition{drafttest.Has("x", 0)}, Operations: []bus.Operation{drafttest.Put("k", "0123456789abcdef")}}.Admitted()
	var d *draft.Draft
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			d = draft.New(7, history.Mark{Position: position.Position{Epoch: 7, Sequence: 100}}, 1000)
		}
		d.Add(fakeState{}, call)
	}
}

func TestAdmission_RefusesWhatWouldFailItsNeighbours(t *testing.T) {
	long := make([]byte, history.MaxKey+1)
	for name, c := range map[string]struct {
		commit drafttest.Request
		code   int
	}{
		"empty key":             {drafttest.Request{Operations: []bus.Operation{drafttest.Put("", "1")}}, bus.CodeMalformed},
		"long key":              {drafttest.Request{Operations: []bus.Operation{{Key: long}}}, bus.CodeTooLarge},
		"empty condition":       {drafttest.Request{Conditions: []bus.Condition{drafttest.Has("", 0)}}, bus.CodeMalformed},
		"large value":           {drafttest.Request{Operations: []bus.Operation{{Key: []byte("k"), Value: make([]byte, 1<<20)}}}, bus.CodeTooLarge},
		"large answer":          {drafttest.Request{ID: drafttest.Counter(1), Record: true, Answer: bus.Answer{Body: make([]byte, 1<<20)}}, bus.CodeTooLarge},
		"many operations":       {drafttest.Request{Operations: make([]bus.Operation, draft.MostOperations+1)}, bus.CodeTooLarge},
		"many ranges":           {drafttest.Request{Ranges: make([]keyrange.Range, keyrange.MostRanges+1)}, bus.CodeTooLarge},
		"ranges of many keys":   {drafttest.Request{Ranges: []keyrange.Range{ranged("", keyrange.MostKeys, 1)}}, bus.CodeTooLarge},
		"a range of long keys":  {drafttest.Request{Ranges: []keyrange.Range{ranged(string(long), 0, 0)}}, bus.CodeMalformed},
		"a range of the future": {drafttest.Request{Ranges: []keyrange.Range{ranged("", 0, 1)}}, bus.CodeMalformed},
		"id without a terminal": {drafttest.Request{ID: bus.RequestID{Counter: 1}}, bus.CodeMalformed},
		"id of another form":    {drafttest.Request{ID: bus.RequestID{Terminal: "t", App: "yesterday"}}, bus.CodeMalformed},
		"record without id":     {drafttest.Request{Record: true}, bus.CodeMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			call, refused := c.commit.Admitted()
			if refused == nil {
				// The exact size is known only when the entry is encoded; even then it is refused alone.
				v := draft.New(7, history.Mark{}, 1).Add(fakeState{}, call)
				refused = &v.Reply
			}
			if refused.Code != c.code {
				t.Errorf("got %d %q, want %d", refused.Code, refused.Message, c.code)
			}
		})
	}
}

// TestFault_A9_WithinOneFrame: the same, while the first is on its way.
func TestFault_A9_WithinOneFrame(t *testing.T) {
	d := draft.New(7, history.Mark{Position: position.Position{Epoch: 7, Sequence: 100}}, 1000)
	for i, q := range []struct{ body, want string }{{"a", "+101 held"}, {"b", "recorded 0/0 held"}, {"a", "recorded 7/101 held"}} {
		call, _ := drafttest.Request{ID: drafttest.Counter(4), Body: q.body, Operations: []bus.Operation{drafttest.Put("x", "1")}}.Admitted()
		v := d.Add(fakeState{}, call)
		if got := describe(v); got != q.want {
			t.Errorf("step %d: %s, want %s", i, got, q.want)
		}
		if q.body == "b" && v.Reply.Recorded.Code != bus.CodeConflict {
			t.Errorf("answered %+v", v.Reply.Recorded)
		}
	}
}
