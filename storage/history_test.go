package storage

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
)

func TestHistory_ReadsAcrossBoltAndOverlay(t *testing.T) {
	s, w := open(t, t.TempDir(), Options{}), newWriter(t)
	var all []history.Stored
	for i := range 50 {
		e := w.began
		if i%20 != 0 {
			e = func() history.Stored { return w.put("s", "k", fmt.Sprint(i)) }
		}
		all = append(all, e())
		commit(t, s, all[i])
		if i%7 == 0 && i < 40 {
			flush(t, s)
		}
	}
	read := func(from uint64, limit, maxBytes int) (sequences []uint64) {
		t.Helper()
		found, err := s.Entries(from, limit, maxBytes)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range found {
			at := e.Entry.Position.Sequence
			if want := all[at-1]; e.Digest != want.Digest || string(e.Raw) != string(want.Raw) {
				t.Errorf("entry %d differs", at)
			}
			sequences = append(sequences, at)
		}
		return sequences
	}
	if got := read(0, 0, 0); len(got) != 50 || got[0] != 1 || got[49] != 50 {
		t.Errorf("all: %v", got)
	}
	if got := read(30, 10, 0); len(got) != 10 || got[0] != 30 || got[9] != 39 {
		t.Errorf("ten from 30: %v", got)
	}
	if got := read(33, 0, 1); len(got) != 1 {
		t.Errorf("at least one: %v", got)
	}
	if got := read(51, 0, 0); got != nil {
		t.Errorf("beyond the end: %v", got)
	}
	for _, at := range []uint64{1, 36, 37, 50} {
		if d, err := s.DigestAt(at); err != nil || d != all[at-1].Digest {
			t.Errorf("digest at %d: %v, %v", at, d, err)
		}
	}
	if d, err := s.DigestAt(0); err != nil || d != (history.Digest{}) {
		t.Errorf("digest before the first: %v, %v", d, err)
	}
	if _, err := s.DigestAt(51); !errors.Is(err, history.ErrAbsent) {
		t.Errorf("digest beyond the end: %v", err)
	}
	if _, err := s.EntryAt(51); !errors.Is(err, history.ErrAbsent) {
		t.Errorf("entry beyond the end: %v", err)
	}
	if e := s.Epochs(); len(e) != 3 || e[2].Epoch != 3 || e[2].Sequence != 41 {
		t.Errorf("epochs %v", e)
	}
}

func TestHistory_IsTrimmedToEachBound(t *testing.T) {
	for name, c := range map[string]struct {
		o    Options
		left uint64
	}{
		"count": {Options{MaxUpdates: 100}, 100},
		"age":   {Options{MaxAge: 49 * time.Millisecond}, 50}, // the writer makes one each millisecond
		"bytes": {Options{MaxBytes: 1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, w := open(t, dir, c.o), newWriter(t)
			commit(t, s, w.began())
			for i := range 1000 {
				commit(t, s, w.put("s", "k", fmt.Sprint(i)))
				if i%10 == 0 {
					flush(t, s)
				}
			}
			at := flush(t, s).Position.Sequence
			if first := s.First(); at-first+1 != c.left {
				t.Errorf("%d entries left, want %d", at-first+1, c.left)
			}
			if _, err := s.Entries(s.First()-1, 0, 0); !errors.Is(err, history.ErrTrimmed) {
				t.Errorf("trimmed entry: %v", err)
			}
			if _, err := s.DigestAt(s.First() - 1); err != nil {
				t.Errorf("digest just before the first: %v", err)
			}
			if _, err := s.DigestAt(s.First() - 2); !errors.Is(err, history.ErrTrimmed) {
				t.Errorf("digest before that: %v", err)
			}
			first := s.First()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir, c.o)
			if e := s.Epochs(); s.First() != first || len(e) != 1 || e[0].Sequence != 1 {
				t.Errorf("reopened: first %d, want %d; epochs %v", s.First(), first, e)
			}
		})
	}
}

func TestHistory_PinHoldsEntries(t *testing.T) {
	s, w := open(t, t.TempDir(), Options{MaxUpdates: 10}), newWriter(t)
	step := func(n int) {
		t.Helper()
		for i := range n {
			commit(t, s, w.put("s", "k", fmt.Sprint(i)))
			flush(t, s)
		}
	}
	commit(t, s, w.began())
	step(50)
	first := s.First()
	if _, err := s.Pin(first - 1); !errors.Is(err, history.ErrTrimmed) {
		t.Errorf("pin of trimmed entries: %v", err)
	}
	release, err := s.Pin(first + 2)
	if err != nil {
		t.Fatal(err)
	}
	later, err := s.Pin(first + 5)
	if err != nil {
		t.Fatal(err)
	}
	step(50)
	if got := s.First(); got != first+2 {
		t.Errorf("first %d while pinned at %d", got, first+2)
	}
	release()
	release()
	step(1)
	if got := s.First(); got != first+5 {
		t.Errorf("first %d while pinned at %d", got, first+5)
	}
	later()
	step(1)
	if got := s.First(); got != w.end.Position.Sequence-9 {
		t.Errorf("first %d after release, end %v", got, w.end.Position)
	}
}

// A bound that was lowered is reached in steps: trimming all at once would make a list of free pages as long as what
// was trimmed.
func TestHistory_TrimsInStepWithAppends(t *testing.T) {
	dir := t.TempDir()
	s, w := open(t, dir, Options{}), newWriter(t)
	commit(t, s, w.began())
	for i := range 999 {
		commit(t, s, w.put("s", "k", fmt.Sprint(i)))
	}
	flush(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{MaxUpdates: 10})
	for before := s.First(); s.First() < w.end.Position.Sequence-9; before = s.First() {
		commit(t, s, w.put("s", "k", "more"))
		flush(t, s)
		if step := s.First() - before; step == 0 || step > trimStep+2 {
			t.Fatalf("trimmed %d in one step", step)
		}
	}
}

func TestAnswers_AreRepeatedUntilNoLongerWanted(t *testing.T) {
	for _, when := range []string{"in the overlay", "applied"} {
		t.Run(when, func(t *testing.T) {
			s, w := open(t, t.TempDir(), Options{}), keeping(t, time.Hour)
			settle := func() {
				if when == "applied" {
					flush(t, s)
				}
			}
			expect := func(id history.RequestID, want Lookup, body string) {
				t.Helper()
				if a, l := look(t, s, id); l != want || string(a.Body) != body {
					t.Errorf("%v: %d %q, want %d %q", id, l, a.Body, want, body)
				}
			}
			counter := func(n uint64) history.RequestID { return history.RequestID{Terminal: "t1", Counter: n} }
			commit(t, s, w.began())
			for n := range uint64(10) {
				commit(t, s, w.answered(counter(n+1), 1, fmt.Sprint("answer ", n+1)))
			}
			settle()
			expect(counter(1), Found, "answer 1")
			expect(counter(10), Found, "answer 10")
			expect(counter(11), Absent, "")
			expect(history.RequestID{Terminal: "t2", Counter: 1}, Absent, "") // V9d: another terminal's
			expect(history.RequestID{}, Absent, "")

			commit(t, s, w.answered(counter(11), 6, "answer 11"))
			settle()
			expect(counter(5), TooOld, "")
			expect(counter(6), Found, "answer 6")
			commit(t, s, w.answered(counter(12), 3, "answer 12")) // a late packet does not lower it
			settle()
			expect(counter(5), TooOld, "")

			at := time.Unix(0, w.time).UTC()
			app := func(age time.Duration) history.RequestID {
				return history.RequestID{Terminal: "t1", App: at.Add(-age).Format(time.RFC3339Nano) + "/x"}
			}
			commit(t, s, w.answered(app(59*time.Minute), 0, "app"), w.answered(app(0), 0, "now"))
			settle()
			expect(app(59*time.Minute), Found, "app")
			expect(app(58*time.Minute), Absent, "")
			expect(app(61*time.Minute), TooOld, "") // V9c
			expect(history.RequestID{Terminal: "t2", App: app(0).App}, Absent, "")
			w.time += int64(2 * time.Minute)
			commit(t, s, w.put("s", "k", "time goes on"))
			settle()
			expect(app(59*time.Minute), TooOld, "")
			expect(app(0), Found, "now")
		})
	}
}

func TestAnswers_OfATerminalThatNeverRaisesItsOldestAreBounded(t *testing.T) {
	s, w := open(t, t.TempDir(), Options{}), newWriter(t)
	id := func(n uint64) history.RequestID { return history.RequestID{Terminal: "t", Counter: n} }
	commit(t, s, w.began(), w.answered(id(1), 0, "1"), w.answered(id(2), 0, "2"))
	flush(t, s)
	commit(t, s, w.answered(id(history.AnswerWindow+2), 0, "far"))
	flush(t, s)
	for n, want := range map[uint64]Lookup{1: TooOld, 2: Found, history.AnswerWindow + 2: Found,
		2 + history.Leap: Absent, 3 + history.Leap: TooFar, math.MaxUint64: TooFar} {
		if _, l := look(t, s, id(n)); l != want {
			t.Errorf("counter %d: %d, want %d", n, l, want)
		}
	}
}

// What can't be asked for any more does not stay in the file.
func TestAnswers_AreDeletedWhenNoLongerWanted(t *testing.T) {
	s, w := open(t, t.TempDir(), Options{}), keeping(t, 50*time.Millisecond)
	commit(t, s, w.began())
	for i := range uint64(1000) {
		at := time.Unix(0, w.time).UTC().Format(time.RFC3339Nano)
		commit(t, s, w.answered(history.RequestID{Terminal: "t", App: at + "/x"}, 0, "app"))
		commit(t, s, w.answered(history.RequestID{Terminal: "t", Counter: i + 1}, i+1-min(i, 9), "counter"))
		if i%40 == 0 {
			flush(t, s)
		}
	}
	flush(t, s)
	counters, apps := 0, 0
	err := s.applied(func(tx *bolt.Tx, _ *layout.State) error {
		return tx.Bucket([]byte(layout.BucketAnswers)).ForEach(func(k, _ []byte) error {
			id, err := layout.ParseAnswerKey(k)
			if id.App == "" {
				counters++
			} else {
				apps++
			}
			return err
		})
	})
	if err != nil || counters != 10 || apps != 25 {
		t.Errorf("%d answers under counters are left, want 10, and %d under ids of apps, want 25; %v", counters, apps, err)
	}
}

// Two hosts that flush at different moments must come to the same digest.
func TestDatabaseDigest_DoesNotDependOnFlushes(t *testing.T) {
	w := keeping(t, time.Second)
	one, two := open(t, t.TempDir(), Options{}), open(t, t.TempDir(), Options{MaxUpdates: 5})
	for i := range 400 {
		var e history.Stored
		switch at := time.Unix(0, w.time).UTC().Format(time.RFC3339Nano); {
		case i == 0:
			e = w.began()
		case i%3 == 0:
			e = w.answered(history.RequestID{Terminal: "t1", App: at + "/x"}, 0, "a")
			w.time += int64(20 * time.Millisecond)
		case i%3 == 1:
			e = w.answered(history.RequestID{Terminal: "t2", Counter: uint64(i)}, uint64(max(1, i-20)), "c")
		default:
			e = w.drop("s", "k")
		}
		commit(t, one, e)
		commit(t, two, e)
		if i%10 == 0 {
			flush(t, two)
		}
	}
	flush(t, one)
	flush(t, two)
	if digest(t, one) != digest(t, two) {
		t.Error("digests differ")
	}
}
