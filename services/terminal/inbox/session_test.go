package inbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/notices"
)

func TestSession_TellsOnceAndRemembers(t *testing.T) {
	dir := t.TempDir()
	f := openFile(t, dir)
	b := f.Box("t1", 0)
	if k := after(t, b, 0, 0); k.First != 1 || k.Last != 0 || len(k.Notices) != 0 || k.More {
		t.Errorf("before anything: %+v", k)
	}
	s := begun(t, b, 1)
	if _, err := os.Stat(filepath.Join(dir, FileName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file of a terminal that was told nothing: %v", err)
	}
	again := own(3, 1, 3, "")
	again.Again = true
	told := take(t, s, notice.Batch{Epoch: 1, Messages: append(owns(1, 1, 2), again)})
	want := notice.Told{Number: 1, Service: "till", Topic: "price", Body: json.RawMessage(`{"n":1}`), At: time.Unix(0, 1e18).UTC(), ID: "p/1/1/0"}
	if len(told) != 3 || fmt.Sprint(told[0].Told) != fmt.Sprint(want) || !told[2].Again || string(told[2].Body) != "{}" {
		t.Errorf("told %+v", told)
	}
	// The answer was lost: what comes again is confirmed, and not told.
	if told := take(t, s, notice.Batch{Epoch: 1, Messages: owns(2, 2, 4)}); len(told) != 1 || told[0].Number != 4 {
		t.Errorf("told %+v", told)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	b = openFile(t, dir).Box("t1", 4096) // a number that was reserved; the file tells which were given
	s, cursor := b.Session("p", 2, free)
	if cursor.Last.Sequence != 4 || cursor.Marks[notices.Own].Count != 4 {
		t.Errorf("after a restart it says %+v", cursor)
	}
	void := &notices.Range{From: notices.Number{Epoch: 1, Sequence: 3}, To: notices.Number{Epoch: 1, Sequence: 4}}
	gap := notices.Message{Serial: 1, Stream: notices.Common, Gap: notices.Gap{Range: notices.Range{To: notices.Number{Epoch: 1, Sequence: 2}}, Missing: 2, AtLeast: true, Count: 2}}
	batch := from(2, cursor, notice.Message{Message: gap})
	batch.Resume.Void, batch.Resume.Cursor.Starts = void, []notices.Start{{Epoch: 1, Sequence: 1}, {Epoch: 2, Sequence: 5}}
	told = take(t, s, batch)
	if len(told) != 2 || told[0].Topic != notice.TopicDiverged || told[0].From != "p/1/3/0" || told[0].To != "p/1/4/0" ||
		told[1].Topic != notice.TopicGap || told[1].From != "" || told[1].To != "p/1/2/0" || told[1].Missing != 2 || !told[1].AtLeast {
		t.Errorf("told %+v", told)
	}
	kept := all(t, b)
	if fmt.Sprint(numbers(kept)) != "[1 2 3 4 5 6]" {
		t.Fatalf("kept %v", numbers(kept))
	}
	for i, p := range told {
		if data, err := json.Marshal(kept[4+i]); err != nil || string(data) != string(p.Data) {
			t.Errorf("told %s, kept %s (%v)", p.Data, data, err)
		}
	}
}

func TestBox_GivesPages(t *testing.T) {
	b := openFile(t, t.TempDir()).Box("t1", 0)
	s := begun(t, b, 1)
	take(t, s, notice.Batch{Epoch: 1, Messages: owns(1, 1, 250)})
	for _, c := range []struct {
		after uint64
		limit int
		n     int
		more  bool
	}{{0, 0, DefaultLimit, true}, {0, -1, DefaultLimit, true}, {150, 0, 100, false}, {151, 0, 99, false}, {0, 1 << 40, 250, false}, {249, 5, 1, false}, {250, 5, 0, false}, {7, 1, 1, true}} {
		k := after(t, b, c.after, c.limit)
		if len(k.Notices) != c.n || k.More != c.more || k.First != 1 || k.Last != 250 || c.n > 0 && k.Notices[0].Number != c.after+1 {
			t.Errorf("after %d, %d: %d with more %t, first %d, last %d", c.after, c.limit, len(k.Notices), k.More, k.First, k.Last)
		}
	}
	if _, err := b.After(notice.After{Number: 251}); !errors.Is(err, ErrBeyond) || !strings.Contains(err.Error(), "ask after 0") {
		t.Errorf("%v", err)
	}
	if _, err := b.After(notice.After{Number: 1<<64 - 1}); !errors.Is(err, ErrBeyond) {
		t.Errorf("%v", err)
	}
	// Pages are bounded in bytes too. Angle brackets must not grow sixfold on the way.
	body := `"` + strings.Repeat("<", notice.MaxBatch-1000) + `"`
	for n := uint64(251); n <= 253; n++ {
		if told := take(t, s, notice.Batch{Epoch: 1, Messages: []notice.Message{own(n, 1, n, body)}}); len(told[0].Data) > notice.MaxBatch {
			t.Errorf("%d bytes for a body of %d", len(told[0].Data), len(body))
		}
	}
	if k := after(t, b, 250, MaxLimit); len(k.Notices) != 2 || !k.More {
		t.Errorf("%d large ones in a page", len(k.Notices))
	}
}

// What a host says can be wrong in any way: it is refused, nothing of it is kept, and the session begins anew with what is durable.
func TestSession_RefusesWhatCannotBe(t *testing.T) {
	f := openFile(t, t.TempDir())
	message := func(change func(*notice.Message)) func(*Session) notice.Batch {
		return func(*Session) notice.Batch {
			good, bad := own(5, 2, 5, "{}"), own(6, 2, 6, "{}")
			change(&bad)
			return notice.Batch{Epoch: 2, Messages: []notice.Message{good, bad}}
		}
	}
	resume := func(change func(*notices.Resumed)) func(*Session) notice.Batch {
		return func(s *Session) notice.Batch {
			b := from(2, s.begin(), own(1, 2, 5, "{}"))
			change(b.Resume)
			return b
		}
	}
	number := 0
	for what, c := range map[string]struct {
		batch func(*Session) notice.Batch
		says  string
	}{
		"a lower epoch":  {func(*Session) notice.Batch { return notice.Batch{Epoch: 1, Messages: owns(5, 5, 5)} }, "lower than the attached epoch"},
		"a higher epoch": {func(*Session) notice.Batch { return notice.Batch{Epoch: 3, Messages: owns(5, 5, 5)} }, "attached in epoch 2"},
		"no resume": {func(s *Session) notice.Batch {
			s.begin()
			return notice.Batch{Epoch: 2, Messages: owns(1, 5, 5)}
		}, "must say where the notices continue"},
		"a resume of what it said before": {func(*Session) notice.Batch { return from(2, notices.Cursor{Pair: "p"}) }, "it continues from"},
		"a serial left out":               {message(func(m *notice.Message) { m.Serial++ }), "follows message 5"},
		"a count left out":                {message(func(m *notice.Message) { m.Notice.Count++ }), "out of order"},
		"a number that falls":             {message(func(m *notice.Message) { m.Stream, m.Notice.Count, m.Notice.Number.Sequence = notices.Common, 1, 4 }), "out of order"},
		"a gap from elsewhere": {message(func(m *notice.Message) {
			m.Gap = notices.Gap{Range: notices.Range{To: notices.Number{Epoch: 2, Sequence: 9}}}
		}), "a gap after"},
		"a stream that is none":   {message(func(m *notice.Message) { m.Stream = 2 }), "stream 2"},
		"a number of later":       {message(func(m *notice.Message) { m.Notice.Number.Epoch = 3 }), "of epoch 3"},
		"a gap of later":          {message(func(m *notice.Message) { m.Gap.To.Epoch = 3 }), "of epoch 3"},
		"a service that is none":  {message(func(m *notice.Message) { m.Content.Service = "a.>" }), "invalid "},
		"a service that is ours":  {message(func(m *notice.Message) { m.Content.Service = notice.System }), "invalid "},
		"a topic that is none":    {message(func(m *notice.Message) { m.Content.Topic = "" }), "invalid "},
		"a body that is none":     {message(func(m *notice.Message) { m.Content.Body = []byte("{") }), "its body"},
		"a resume of another":     {resume(func(r *notices.Resumed) { r.Cursor.Pair = "q" }), `pair "q"`},
		"a resume of later":       {resume(func(r *notices.Resumed) { r.Cursor.Last.Epoch = 3 }), "continue in epoch 3"},
		"a resume at later":       {resume(func(r *notices.Resumed) { r.Cursor.Marks[1].Number.Epoch = 4 }), "continue in epoch 4"},
		"starts of later":         {resume(func(r *notices.Resumed) { r.Cursor.Starts = []notices.Start{{Epoch: 5}} }), "continue in epoch 5"},
		"too many starts":         {resume(func(r *notices.Resumed) { r.Cursor.Starts = make([]notices.Start, notices.MaxStarts+1) }), "at most 64"},
		"a resume and then holes": {resume(func(r *notices.Resumed) { r.Cursor.Marks[0].Count = 9 }), "out of order"},
	} {
		number++
		b := f.Box(fmt.Sprint("t", number), 0)
		s := begun(t, b, 2)
		take(t, s, notice.Batch{Epoch: 2, Messages: owns(1, 1, 4)})
		told, answer, err := s.Take(c.batch(s))
		if !errors.Is(err, ErrRefused) || told != nil || !strings.Contains(answer.Why, c.says) || answer.Serial != 0 {
			t.Errorf("%s: %+v, %v, want %q", what, answer, err, c.says)
			continue
		}
		if k := after(t, b, 0, 0); k.Last != 4 || answer.Cursor == nil || answer.Cursor.Last.Sequence != 4 {
			t.Errorf("%s: last %d, and it says %+v", what, k.Last, answer.Cursor)
			continue
		}
		if _, answer, err = s.Take(notice.Batch{Epoch: 2, Messages: owns(5, 5, 5)}); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: goes on without a resume: %+v", what, answer)
		}
		if told := take(t, s, from(2, *answer.Cursor, own(1, 2, 5, "{}"))); len(told) != 1 || told[0].Number != 5 {
			t.Errorf("%s: afterwards %+v", what, told)
		}
	}
}

// A batch was under way when another host attached. What that one worked out from the cursor that it was told does not count any more: it would
// have the terminal store twice what the batch brought.
func TestSession_ResumesOnlyFromWhatItSaid(t *testing.T) {
	b := openFile(t, t.TempDir()).Box("t1", 0)
	old := begun(t, b, 1)
	next, cursor := b.Session("p", 2, free)
	take(t, old, notice.Batch{Epoch: 1, Messages: owns(1, 1, 3)})
	var answer notice.Stored
	for range 3 { // the refusal may be lost too
		var err error
		_, answer, err = next.Take(from(2, cursor, owns(1, 1, 3)...))
		if !errors.Is(err, ErrRefused) || answer.Cursor == nil || answer.Cursor.Last.Sequence != 3 {
			t.Fatalf("%+v, %v", answer, err)
		}
	}
	if told := take(t, next, from(2, *answer.Cursor, owns(1, 4, 4)...)); len(told) != 1 {
		t.Errorf("%+v", told)
	}
	if _, _, err := old.Take(notice.Batch{Epoch: 1, Messages: owns(4, 4, 5)}); !errors.Is(err, ErrRefused) {
		t.Errorf("the old one goes on: %v", err)
	}
	if got := numbers(all(t, b)); fmt.Sprint(got) != "[1 2 3 4]" {
		t.Errorf("kept %v", got)
	}
}

// A terminal that is moved to another pair is told that what it had is void, by the name that it had.
func TestSession_OfAnotherPair(t *testing.T) {
	b := openFile(t, t.TempDir()).Box("t1", 0)
	take(t, begun(t, b, 9), notice.Batch{Epoch: 9, Messages: owns(1, 1, 2)})
	s, cursor := b.Session("q", 1, free)
	told := take(t, s, notice.Batch{Epoch: 1, Resume: &notices.Resumed{
		From:   cursor,
		Cursor: notices.Cursor{Pair: "q"}, Void: &notices.Range{To: notices.Number{Epoch: 1, Sequence: 2}},
	}, Messages: owns(1, 1, 1)})
	if len(told) != 2 || told[0].To != "p/1/2/0" || told[1].ID != "q/1/1/0" || told[1].Number != 4 {
		t.Errorf("%+v", told)
	}
}

// What can't be reserved is not told: a number might be given twice.
func TestSession_ReservesBeforeItTells(t *testing.T) {
	f := openFile(t, t.TempDir())
	b := f.Box("t1", 0)
	broken := errors.New("no disk")
	var asked uint64
	s, _ := b.Session("p", 1, func(upTo uint64) error { asked = upTo; return broken })
	_, answer, err := s.Take(from(1, notices.Cursor{}, owns(1, 1, 3)...))
	if !errors.Is(err, broken) || errors.Is(err, ErrRefused) || answer.Why == "" || answer.Cursor == nil || asked != 3 || b.Last() != 0 {
		t.Errorf("%+v, %v, asked for %d, last %d", answer, err, asked, b.Last())
	}
}

// TestSession_SkipsWhatIsTooDeep: a notice whose body could not be read any more in what it is told and kept in is named as missing, and what
// comes before and after it is told. One that an agent from before has kept stops no page either.
func TestSession_SkipsWhatIsTooDeep(t *testing.T) {
	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	b := openFile(t, t.TempDir()).Box("t1", 0)
	s := begun(t, b, 1)
	deep := []string{`{"n":1}`, nested(outbox.MaxDepth), nested(outbox.MaxDepth + 1), nested(9_998), nested(10_000), nested(20_000), `{"n":7}`}
	var list []notice.Message
	for i, body := range deep {
		list = append(list, own(uint64(i+1), 1, uint64(i+1), body))
	}
	told := take(t, s, notice.Batch{Epoch: 1, Messages: list})
	if len(told) != len(deep) {
		t.Fatalf("%d told", len(told))
	}
	whole := map[uint64]bool{1: true, 2: true, 7: true}
	check := func(list []notice.Told) {
		t.Helper()
		for i, n := range list {
			if n.Number != uint64(i+1) {
				t.Errorf("number %d at %d", n.Number, i)
			}
			if missing := n.Service == notice.System && n.Topic == notice.TopicGap && n.Missing == 1 && n.To == fmt.Sprintf("p/1/%d/0", n.Number) &&
				n.From == fmt.Sprintf("p/1/%d/%d", n.Number-1, uint32(math.MaxUint32)); missing == whole[n.Number] {
				t.Errorf("%+v", n)
			}
		}
	}
	heard := make([]notice.Told, len(told))
	for i := range told {
		heard[i] = told[i].Told
		if (told[i].Skipped == "") != whole[told[i].Number] {
			t.Errorf("number %d: %q", told[i].Number, told[i].Skipped)
		}
	}
	check(heard)
	check(after(t, b, 0, 100).Notices)

	// As agents wrote it before it was refused.
	old := fmt.Sprintf(`{"number":"8","service":"till","topic":"price","body":%s,"id":"p/1/8/0"}`, nested(9_999))
	next := &state{b.current.Load().record}
	next.Local = 8
	if err := b.file.write(change{b.terminal, func(bucket *bolt.Bucket) error { return next.apply(bucket, []entry{{8, []byte(old)}}) }}, len(old)); err != nil {
		t.Fatal(err)
	}
	b.current.Store(next)
	kept := after(t, b, 0, 100).Notices
	if len(kept) != 8 {
		t.Fatalf("%d kept", len(kept))
	}
	check(kept)
}

// TestSession_CommandsAreForWhoAsksForThem: they are told and kept without what they say, and left out for who does not ask for them.
func TestSession_CommandsAreForWhoAsksForThem(t *testing.T) {
	b := openFile(t, t.TempDir()).Box("t1", 0)
	b.Show(func(id string) string { return "state of " + id })
	s := begun(t, b, 1)
	list := owns(1, 1, 6)
	until := time.Unix(0, 2e18).UTC()
	for _, n := range []int{1, 3, 4, 5} {
		list[n].Content = notice.Content{Service: "gate", Topic: notice.TopicFenced, At: 1e18, Fenced: &notice.Fenced{Topic: "open", Until: 2e18}}
	}
	list[2].Content.Body = []byte(`"\"fenced\":true"`)
	list[0].Content.Body = []byte(`{"fenced":true}`) // what a service says is no fence
	told := take(t, s, notice.Batch{Epoch: 1, Messages: list})
	if one := told[1]; !one.Fenced || one.Topic != "open" || one.Service != "gate" || !one.Until.Equal(until) || one.ID != "p/1/2/0" || strings.Contains(string(one.Data), "body") {
		t.Errorf("%+v", one)
	}
	if got := fmt.Sprint(numbers(all(t, b))); got != "[1 3]" {
		t.Errorf("who does not ask for commands gets %s", got)
	}
	if k := after(t, b, 0, 1); fmt.Sprint(numbers(k.Notices), k.More) != "[1] true" {
		t.Errorf("%+v", k)
	}
	data, err := b.After(notice.After{Limit: 3, Fenced: true})
	var k notice.Kept
	if err == nil {
		err = json.Unmarshal(data, &k)
	}
	if err != nil || fmt.Sprint(numbers(k.Notices), k.More) != "[1 2 3] true" || k.Notices[1].State != "state of p/1/2/0" || k.Notices[0].State != "" {
		t.Errorf("%+v, %v", k, err)
	}
	for what, c := range map[string]notice.Content{
		"a topic that can't be": {Service: "gate", Topic: notice.TopicFenced, Fenced: &notice.Fenced{Topic: "a b"}},
		"a body":                {Service: "gate", Topic: notice.TopicFenced, Body: []byte("{}"), Fenced: &notice.Fenced{Topic: "open"}},
	} {
		m := owns(7, 7, 7)
		m[0].Content = c
		s := begun(t, b, 1)
		m[0].Serial = 1
		if _, answer, err := s.Take(notice.Batch{Epoch: 1, Messages: m}); !errors.Is(err, ErrRefused) || answer.Why == "" {
			t.Errorf("%s: %+v, %v", what, answer, err)
		}
	}
}
