package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/bus/outbox"
)

// page returns the outcomes after a number: those of which requests, and what else it says.
func page(t *testing.T, s *Store, after uint64, limit int) (keys []string, r Results) {
	t.Helper()
	r, err := s.After(notice.After{Number: after, Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	last := after
	for _, one := range r.Results {
		if one.Number <= last || one.Number > r.Last {
			t.Errorf("number %d comes after %d, and the last one is %d", one.Number, last, r.Last)
		}
		last = one.Number
		keys = append(keys, fmt.Sprintf("%d=%s", one.Number, strings.TrimPrefix(one.Operation, "o")))
	}
	return keys, r
}

// ask queues requests whose operation says which they are.
func ask(t *testing.T, s *Store, n int) {
	t.Helper()
	var list []Request
	for range n {
		list = append(list, Request{Service: "till", Operation: fmt.Sprint("o", s.Last()+uint64(len(list))+1), Body: []byte("{}")})
	}
	if _, err := s.Put(list, begin, always); err != nil {
		t.Fatal(err)
	}
}

// end has requests come to their end, in that order.
func end(t *testing.T, s *Store, numbers ...uint64) {
	t.Helper()
	var list []Finished
	for _, n := range numbers {
		list = append(list, answered(n))
	}
	told, err := s.Finish(list)
	if err != nil || len(told) != len(list) {
		t.Fatalf("%d of %d are told, %v", len(told), len(list), err)
	}
	for i := range told {
		if i > 0 && told[i].Number != told[i-1].Number+1 {
			t.Errorf("%d is told after %d", told[i].Number, told[i-1].Number)
		}
	}
}

// TestResults_InTheOrderInWhichTheyCame: who was away asks for all that came since, page by page, also after a restart of the agent.
func TestResults_InTheOrderInWhichTheyCame(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, Bounds{Kept: 6})
	want := func(after uint64, limit int, list string, first, last uint64, more bool) {
		t.Helper()
		keys, r := page(t, s, after, limit)
		if got := strings.Join(keys, " "); got != list || r.First != first || r.Last != last || r.More != more {
			t.Errorf("after %d: %s, first %d, last %d, more %t; want %s, %d, %d, %t", after, got, r.First, r.Last, r.More, list, first, last, more)
		}
	}
	want(0, 0, "", 1, 0, false)
	ask(t, s, 12)
	want(0, 0, "", 1, 0, false)
	end(t, s, 5)
	end(t, s, 2, 4, 1) // 4 is one of which nobody knows
	again := func() {
		t.Helper()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openStore(t, dir, Bounds{Kept: 6})
	}
	for range 2 {
		want(0, 0, "1=5 2=2 3=4 4=1", 1, 4, false)
		want(0, 2, "1=5 2=2", 1, 4, true)
		want(2, 2, "3=4 4=1", 1, 4, false)
		want(3, 1, "4=1", 1, 4, false)
		want(4, 0, "", 1, 4, false)
		again()
	}
	if _, err := s.After(notice.After{Number: 5}); !errors.Is(err, ErrBeyond) || CodeOf(err) != bus.CodeConflict {
		t.Errorf("after one that never was: %v", err)
	}
	end(t, s, 3, 6, 7, 8, 9) // two go to make room; of what nobody knows none does
	for range 2 {
		want(0, 0, "3=4 4=1 5=3 6=6 7=7 8=8 9=9", 3, 9, false)
		again()
	}
	if err := s.Forget(s.items[4].id); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(s.items[7].id); err != nil {
		t.Fatal(err)
	}
	for range 2 { // that somebody has looked at it is no loss
		want(0, 0, "4=1 5=3 6=6 8=8 9=9", 3, 9, false)
		again()
	}
	end(t, s, 10)
	want(9, 0, "10=10", 3, 10, false)
}

// TestResults_GoneWhileAPageIsRead: what goes to make room between the look for a page and its reading is missing in it, and it says so.
func TestResults_GoneWhileAPageIsRead(t *testing.T) {
	s := openStore(t, t.TempDir(), Bounds{Kept: 3})
	ask(t, s, 8)
	end(t, s, 1, 2, 3, 4)
	list, r, err := s.after(notice.After{})
	if err != nil || r.First != 1 || len(list) != 4 {
		t.Fatalf("%v, %+v, %v", list, r, err)
	}
	end(t, s, 5, 6)
	if err := s.fill(&r, list); err != nil || len(r.Results) != 2 || r.Results[0].Number != 3 || r.First != 3 || r.Last != 4 {
		t.Errorf("%+v, %v", r, err)
	}
	list, r, err = s.after(notice.After{Number: 2})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(s.items[4].id); err != nil { // that somebody has looked at it is no loss
		t.Fatal(err)
	}
	if err := s.fill(&r, list); err != nil || len(r.Results) != 3 || r.First != 3 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestResults_NumbersAreNeverGivenTwice: neither after the file is lost, nor after its last transaction is.
func TestResults_NumbersAreNeverGivenTwice(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	s := openStore(t, dir, Bounds{})
	ask(t, s, 3)
	end(t, s, 3, 2, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, harm := range map[string]func([]byte) []byte{
		"none":   func([]byte) []byte { return []byte("no queue") },
		"torn 0": func(b []byte) []byte { clear(b[:os.Getpagesize()]); return b },
		"torn 1": func(b []byte) []byte { clear(b[os.Getpagesize() : 2*os.Getpagesize()]); return b },
	} {
		if err := os.WriteFile(path, harm([]byte(string(good))), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir, "t1", 4096, free, Bounds{})
		if err != nil {
			t.Fatal(err)
		}
		ask(t, s, 1)
		end(t, s, s.Last())
		r, err := s.After(notice.After{Number: 3})
		if err != nil || len(r.Results) != 1 || r.Results[0].Number <= 3 || r.Last != r.Results[0].Number {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
		if what == "none" && r.First <= 4 {
			t.Errorf("who has come to 3 is not told that something is missing: %+v", r)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestResults_TornAndThenLost: after a torn head as many numbers of outcomes are left out as there are entries, and may come above those of
// requests. A file that is lost after that has none of them given twice.
func TestResults_TornAndThenLost(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	used, flushes := uint64(0), 0
	const block = 2 * MaxBatch
	open := func() *Store {
		t.Helper()
		s, err := Open(dir, "t1", used, func(upTo uint64) error {
			if upTo > used {
				used, flushes = upTo+block, flushes+1
			}
			return nil
		}, Bounds{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	closed := func(s *Store) {
		t.Helper()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := open()
	for range 5 {
		first := s.Last() + 1
		ask(t, s, MaxBatch)
		var numbers []uint64
		for n := first; n <= s.Last(); n++ {
			numbers = append(numbers, n)
		}
		end(t, s, numbers...)
	}
	closed(s)
	if most := 5*MaxBatch/block + 1; flushes > most {
		t.Errorf("%d flushes for numbers, at most %d are needed", flushes, most)
	}
	page := os.Getpagesize()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(content[:page])
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open()
	if !s.Doubt() {
		t.Fatal("nothing was torn")
	}
	ask(t, s, 1)
	end(t, s, s.Last())
	last, err := s.After(notice.After{})
	if err != nil || last.Last <= s.Last() {
		t.Fatalf("the last outcome has number %d, the last request %d, %v", last.Last, s.Last(), err)
	}
	closed(s)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s = open()
	defer closed(s)
	ask(t, s, 1)
	end(t, s, s.Last())
	r, err := s.After(notice.After{Number: last.Last})
	if err != nil || len(r.Results) != 1 || r.First <= last.Last {
		t.Errorf("after %d: %+v, %v", last.Last, r, err)
	}
}

// TestResults_OfBeforeTheyWereCounted: outcomes in a file of an earlier version have numbers too, and no other gets one of them.
func TestResults_OfBeforeTheyWereCounted(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, Bounds{})
	ask(t, s, 5)
	end(t, s, 5, 2)
	for n, it := range s.items { // as it wrote them
		if it.state == Waiting {
			continue
		}
		w, err := s.read(n)
		if err != nil {
			t.Fatal(err)
		}
		w.Outcome.Number = 0
		value, err := sealed(n, &w)
		if err != nil {
			t.Fatal(err)
		}
		edits := []edit{{old: it, new: w.item(n, len(value)), value: value}}
		state := change(s.state, edits)
		state.Results = 0
		if err := s.write(state, edits); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openStore(t, dir, Bounds{})
		if keys, r := page(t, s, 0, 0); fmt.Sprint(keys) != "[2=2 5=5]" || r.Last != 5 {
			t.Errorf("%v, %+v", keys, r)
		}
	}
	end(t, s, 1)
	if keys, r := page(t, s, 0, 0); fmt.Sprint(keys) != "[2=2 5=5 6=1]" || r.Last != 6 {
		t.Errorf("%v, %+v", keys, r)
	}
}

// TestResults_PagesAreBoundedAndCanBeRead: by size, and a body that stands too deep to be read in a page is left out of it.
func TestResults_PagesAreBoundedAndCanBeRead(t *testing.T) {
	s := openStore(t, t.TempDir(), Bounds{})
	ask(t, s, 6)
	deep := strings.Repeat("[", outbox.MaxDepth+1) + strings.Repeat("]", outbox.MaxDepth+1)
	large := `"` + strings.Repeat("<", pageBytes/2-400) + `"` // a byte, where it is not escaped for web pages
	message := strings.Repeat("\x01", maxSentence)            // six bytes each
	for n, body := range []string{deep, large, large, large, large} {
		if _, err := s.Finish([]Finished{{uint64(n + 1), Outcome{Body: []byte(body), Message: message, At: begin}}}); err != nil {
			t.Fatal(err)
		}
	}
	all := 0
	for after, more := uint64(0), true; more; {
		keys, r := page(t, s, after, 0)
		if all += len(keys); len(keys) == 0 {
			t.Fatalf("an empty page, and more: %+v", r)
		}
		text := EncodeJSON(r)
		if without := EncodeJSON(r.Results[:len(keys)-1]); len(without) > pageBytes+2+len(keys) || json.Unmarshal(text, &r) != nil {
			t.Errorf("a page of %d bytes that can't be read, or of %d without its last one", len(text), len(without))
		}
		if first := r.Results[0]; after == 0 && (first.Body != nil || first.Dropped != len(deep)) {
			t.Errorf("%+v", first)
		}
		after, more = r.Results[len(keys)-1].Number, r.More
	}
	if all != 5 {
		t.Errorf("%d outcomes are told", all)
	}
	if one, err := s.Get(s.items[1].id, ""); err != nil || string(one.Body) != deep {
		t.Errorf("who asks for it alone: %d bytes, %v", len(one.Body), err)
	}
}
