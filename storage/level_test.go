package storage

import (
	"errors"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"

	"github.com/boltdb/bolt"
)

// TestStore_TheLevelIsCarried: whoever opens or copies a database, or commits a history, knows the level of the pair.
func TestStore_TheLevelIsCarried(t *testing.T) {
	dir, w := t.TempDir(), newWriter(t)
	s := open(t, dir, Options{Host: "a"})
	commit(t, s, w.began(), w.put("s", "k", "v"))
	if s.Level() != 0 {
		t.Fatal("a history that says no level is at", s.Level())
	}
	commit(t, s, w.next(history.Entry{Space: "system", Level: 1}), w.put("s", "k", "v2"))
	flush(t, s)
	if s.Level() != 1 {
		t.Fatal("committed:", s.Level())
	}
	r, err := s.SnapshotRange(nil, 1<<20)
	if err != nil || r.Level != 1 || !r.Done {
		t.Fatal("a copy says level", r.Level, r.Done, err)
	}
	other := open(t, t.TempDir(), Options{Host: "b"})
	if err := errors.Join(other.BeginSnapshot(r.At), other.PutRange(r)); err != nil || other.Level() != 1 {
		t.Fatal("the copy is at level", other.Level(), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s = open(t, dir, Options{Host: "a"}); s.Level() != 1 {
		t.Fatal("opened again:", s.Level())
	}
}

// TestStore_AHigherLevelIsRefused: data that have risen above this program are not read, in whatever form they come, and the refusal
// says what to do.
func TestStore_AHigherLevelIsRefused(t *testing.T) {
	above := level.Own().Newest + 1
	refused := func(how string, err error) {
		t.Helper()
		if !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "upgrade it") {
			t.Errorf("%s: %v", how, err)
		}
	}
	w := newWriter(t)
	_, err := history.DecodeEntry(w.next(history.Entry{Space: "system", Level: above}).Raw)
	refused("an entry", err)

	dir := t.TempDir()
	s := open(t, dir, Options{Host: "a"})
	commit(t, s, newWriter(t).began())
	flush(t, s)
	r, err := s.SnapshotRange(nil, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	r.Level = above
	raw, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	_, err = DecodeRange(raw)
	refused("a range", err)

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(s.path(), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		st, err := layout.ReadState(tx)
		if err != nil {
			return err
		}
		st.Level = above
		return layout.WriteState(tx, &st)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = Open(dir, Options{Host: "a"})
	refused("a database", err)
}
