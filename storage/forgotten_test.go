package storage

import (
	"errors"
	"testing"
	"time"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/section"
)

// forgetful is a store that has forgotten one request and remembers another.
type forgetful struct {
	store              *Store
	writer             *writer
	dir                string
	forgotten, current history.RequestID
}

func newForgetful(t *testing.T) *forgetful {
	f := &forgetful{dir: t.TempDir(), writer: keeping(t, time.Hour)}
	f.store = open(t, f.dir, Options{Host: "a"})
	f.forgotten, f.current = f.issued(0), f.issued(2*time.Hour)
	commit(t, f.store, f.writer.began(), f.writer.answered(f.forgotten, 0, "first"))
	flush(t, f.store)
	f.writer.time += int64(2 * time.Hour)
	commit(t, f.store, f.writer.answered(f.current, 0, "second"))
	flush(t, f.store)
	f.writer.retention = 0 // who writes from here on says nothing of it
	return f
}

// issued is an id of an app of a time after the beginning.
func (f *forgetful) issued(after time.Duration) history.RequestID {
	return history.RequestID{Terminal: "t", App: time.Unix(0, noon).Add(after).UTC().Format(time.RFC3339Nano) + "/x"}
}

// holds wants a store to know what this one knows.
func (f *forgetful) holds(t *testing.T, how string, s *Store) {
	t.Helper()
	for id, want := range map[history.RequestID]Lookup{
		f.forgotten: TooOld, f.issued(time.Minute): TooOld, f.current: Found, f.issued(2*time.Hour + time.Minute): Absent,
	} {
		if _, l := look(t, s, id); l != want {
			t.Errorf("%s: %v is %d, want %d", how, id, l, want)
		}
	}
}

// TestFault_A1_WhatIsForgottenIsCarried: whoever opens, copies, trims or repairs a database, and whatever he is set to, knows of it what it
// has forgotten: that was worked out from a setting.
func TestFault_A1_WhatIsForgottenIsCarried(t *testing.T) {
	f := newForgetful(t)
	f.holds(t, "as written", f.store)

	// A copy, interrupted, and what follows it.
	dir := t.TempDir()
	receiver := open(t, dir, Options{Host: "b"})
	if err := receiver.BeginSnapshot(f.store.Applied()); err != nil {
		t.Fatal(err)
	}
	receiver = pull(t, f.store, receiver, func(s *Store) *Store {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return open(t, dir, Options{Host: "b"})
	})
	f.holds(t, "copied", receiver)
	for range 3 { // the entries that said so are trimmed
		e := f.writer.put("s", "k", "goes on")
		commit(t, f.store, e)
		commit(t, receiver, e)
	}
	flush(t, receiver)
	if err := receiver.Close(); err != nil {
		t.Fatal(err)
	}
	receiver = open(t, dir, Options{Host: "b", MaxUpdates: 1})
	e := f.writer.put("s", "k", "trims")
	commit(t, f.store, e)
	commit(t, receiver, e)
	flush(t, receiver)
	flush(t, f.store)
	f.holds(t, "trimmed", receiver)
	if digest(t, f.store) != digest(t, receiver) {
		t.Error("the copy's digest differs")
	}

	// A repair brings back what is remembered and nothing that is forgotten.
	content, err := f.store.ReadSection(section.Section{Bucket: layout.BucketAnswers}, nil, 0, section.WithValues)
	if err != nil {
		t.Fatal(err)
	}
	alter(t, receiver, func(tx *bolt.Tx) error {
		key := layout.AnswerKey(f.current)
		return errors.Join(tx.Bucket([]byte(layout.BucketAnswers)).Delete(key),
			tx.Bucket([]byte(layout.BucketIssued)).Delete(layout.IssuedKey(noon+int64(2*time.Hour), key)))
	})
	if changed, err := receiver.Repair(t.Context(), content); err != nil || changed != 1 {
		t.Errorf("the repair changed %d: %v", changed, err)
	}
	f.holds(t, "repaired", receiver)

	// A process that ends before bolt has it gets it from the journal again.
	raised := f.writer.next(history.Entry{Forgotten: f.writer.time})
	commit(t, f.store, raised)
	if _, l := look(t, f.store, f.current); l != TooOld {
		t.Errorf("in the overlay it is %d", l)
	}
	if err := f.store.Close(); err != nil {
		t.Fatal(err)
	}
	f.store = open(t, f.dir, Options{Host: "a"})
	f.holds(t, "opened again", f.store)
	commit(t, f.store, raised)
	if _, l := look(t, f.store, f.current); l != TooOld {
		t.Errorf("committed again it is %d", l)
	}
}

// What can be forgotten is just behind the youngest answer that is old enough, and nothing when there is none: an id that never had an
// answer is not forgotten by the way.
func TestReader_ForgettableIsBehindTheYoungestAnswer(t *testing.T) {
	s, w := open(t, t.TempDir(), Options{}), newWriter(t)
	at := func(d time.Duration) history.RequestID {
		return history.RequestID{Terminal: "t", App: time.Unix(0, noon).Add(d).UTC().Format(time.RFC3339Nano) + "/x"}
	}
	forgettable := func(before time.Duration) time.Duration {
		t.Helper()
		var mark int64
		err := s.View(func(r *Reader) error {
			mark = r.Forgettable(noon + int64(before))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if mark == 0 {
			return -1
		}
		return time.Duration(mark - noon)
	}
	commit(t, s, w.began(), w.answered(at(10), 0, "a"), w.answered(at(30), 0, "b"), w.answered(at(20), 0, "c"))
	if got := forgettable(1000); got != -1 {
		t.Errorf("before it is applied: %d", got)
	}
	flush(t, s)
	for before, want := range map[time.Duration]time.Duration{5: -1, 10: -1, 11: 11, 20: 11, 29: 21, 30: 21, 31: 31, time.Hour: 31} {
		if got := forgettable(before); got != want {
			t.Errorf("before %d: %d, want %d", before, got, want)
		}
	}
	commit(t, s, w.next(history.Entry{Forgotten: noon + 21}))
	flush(t, s)
	for before, want := range map[time.Duration]time.Duration{11: -1, 30: -1, 31: 31} {
		if got := forgettable(before); got != want {
			t.Errorf("once the first are forgotten, before %d: %d, want %d", before, got, want)
		}
	}
}
