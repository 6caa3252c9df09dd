package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/pages"
)

// Trap: a view blocks every commit, and through it every new view, while the file is remapped. The file must grow past
// any default mapping under an open view.
func TestTrap_FileGrowsUnderAnOpenView(t *testing.T) {
	s, w := open(t, t.TempDir(), Options{}), newWriter(t)
	commit(t, s, w.began(), w.put("s", "k", "old"))
	flush(t, s)
	flushed := make(chan error, 1)
	err := s.View(func(r *Reader) error {
		go func() {
			for i := range 64 { // 48 MiB; bolt's own mapping begins at 32 KiB and doubles
				e := history.Entry{Space: "s", Effects: []history.Effect{{Key: fmt.Appendf(nil, "big %d", i), Value: make([]byte, 768<<10)}}}
				if err := s.Commit(w.next(e)); err != nil {
					flushed <- err
					return
				}
				if _, err := s.Flush(context.Background()); err != nil {
					flushed <- err
					return
				}
			}
			flushed <- nil
		}()
		select {
		case err := <-flushed:
			if v, _, _ := r.Get("s", []byte("k")); string(v) != "old" {
				t.Errorf("the view reads %q", v)
			}
			return err
		case <-time.After(60 * time.Second):
			return errors.New("the flush waits for the view")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.FileBytes < 48<<20 {
		t.Errorf("the file has only %d bytes", st.FileBytes)
	}
}

// Trap: bolt reads a list of 65,535 free pages or more without its last one. Nothing but a page is lost, Check says so
// without calling it damage, and the store goes on.
func TestTrap_LongListOfFreePages(t *testing.T) {
	dir := t.TempDir()
	s, w := open(t, dir, Options{MaxUpdates: 5}), newWriter(t)
	commit(t, s, w.began())
	const keys, size = 66, 1000 << 10 // 250 pages each
	for i := range 4 * keys {
		e := history.Entry{Space: "s", Effects: []history.Effect{{Key: fmt.Appendf(nil, "%d", i), Value: make([]byte, size)}}}
		commit(t, s, w.next(e))
		if i%8 == 0 {
			flush(t, s)
		}
	}
	flush(t, s)
	for i := range 4 * keys {
		commit(t, s, w.drop("s", fmt.Sprint(i)))
	}
	flush(t, s)
	commit(t, s, w.put("s", "k", "1"))
	flush(t, s)
	for range 3 { // each reading loses one
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(filepath.Join(dir, DatabaseName))
		if err != nil {
			t.Fatal(err)
		}
		heads, _, _, err := pages.ReadHeads(f)
		if err != nil {
			t.Fatal(err)
		}
		free, err := pages.ReadFree(f, pages.Newest(heads))
		if err != nil || len(free) < 0xFFFF {
			t.Fatalf("only %d free pages, %v", len(free), err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		s, err = Open(dir, Options{MaxUpdates: 5})
		if err != nil {
			t.Fatal(err)
		}
		commit(t, s, w.put("s", "k", "2"))
		flush(t, s)
		if err := s.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// Trap: Cursor.Last is wrong after deletions in the same transaction. Trimming down to the last entry, appending and
// reopening must agree on the end.
func TestTrap_EndOfHistoryAfterDeletions(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t)
	for round := range 20 {
		s := open(t, dir, Options{MaxUpdates: 1})
		if round == 0 {
			commit(t, s, w.began())
		}
		for i := range 300 {
			commit(t, s, w.put("s", fmt.Sprint(i), "x"))
		}
		flush(t, s)
		if s.Applied() != w.end {
			t.Fatalf("applied %v, want %v", s.Applied(), w.end)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir, Options{MaxUpdates: 1})
	if s.Committed() != w.end {
		t.Errorf("reopened at %v, want %v", s.Committed(), w.end)
	}
}

// Trap: deleting a missing key beside a sub-bucket errs. Keys and sub-buckets never lie in one bucket, so deleting what
// is not there is nothing, in any space.
func TestTrap_DeletingWhatIsNotThere(t *testing.T) {
	s, w := open(t, t.TempDir(), Options{}), newWriter(t)
	commit(t, s, w.began(), w.put("s", "b", "1"), w.put("sa", "a", "1"), w.drop("s", "a", "c", "s", "sa"), w.drop("new", "x"))
	flush(t, s)
	commit(t, s, w.drop("s", "a", "b", "b"))
	flush(t, s)
	if got := get(t, s, "sa", "a"); got != "1@3" {
		t.Errorf("the other space has %q", got)
	}
	// The trap itself, so that a bolt without it is noticed.
	err := s.db.Update(func(tx *bolt.Tx) error {
		err := tx.Bucket([]byte(layout.BucketData)).Delete([]byte("r"))
		if !errors.Is(err, bolt.ErrIncompatibleValue) {
			t.Errorf("bolt deletes a missing key beside a bucket with %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Trap: value slices must not change before the commit of bolt's transaction. Commit keeps its own slice of entries, and
// what a reader gets is the caller's.
func TestTrap_SlicesAreNotShared(t *testing.T) {
	s, w := open(t, t.TempDir(), Options{}), newWriter(t)
	batch := []history.Stored{w.began(), w.put("s", "k", "value")}
	commit(t, s, batch...)
	clear(batch) // the caller uses its slice again
	for range 2 {
		err := s.View(func(r *Reader) error {
			v, _, _ := r.Get("s", []byte("k"))
			items, _ := r.Scan("s", nil, nil, 0, 0)
			clear(v)
			clear(items[0].Value)
			clear(items[0].Key)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := get(t, s, "s", "k"); got != "value@2" {
			t.Errorf("read %q", got)
		}
		flush(t, s)
	}
	r, err := s.SnapshotRange(nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Items {
		clear(r.Items[i].Value)
	}
	if got := get(t, s, "s", "k"); got != "value@2" {
		t.Errorf("read %q", got)
	}
}

// A circle of pages would send bolt round for ever; it is found when the file is opened.
func TestTrap_CircleOfPages(t *testing.T) {
	dir, content, _ := made(t, 2000)
	path := filepath.Join(dir, DatabaseName)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	heads, _, _, err := pages.ReadHeads(f)
	if err != nil {
		t.Fatal(err)
	}
	h, circles := pages.Newest(heads), 0
	free, err := pages.ReadFree(f, h)
	if err != nil {
		t.Fatal(err)
	}
	unused := map[uint64]bool{}
	for _, id := range free {
		unused[id] = true
	}
	for id := uint64(2); id < h.Pages; id++ {
		page := content[id*h.PageSize:][:h.PageSize]
		if unused[id] || binary.NativeEndian.Uint64(page) != id || binary.NativeEndian.Uint16(page[8:]) != flagBranch {
			continue
		}
		circles++
		bad := append([]byte(nil), page...)
		binary.NativeEndian.PutUint64(bad[pageHeader+8:], id) // its own first child
		if _, err := f.WriteAt(bad, int64(id*h.PageSize)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, Options{}); !errors.Is(err, ErrDamaged) {
			t.Errorf("page %d leads to itself: %v", id, err)
		}
		if _, err := f.WriteAt(page, int64(id*h.PageSize)); err != nil {
			t.Fatal(err)
		}
	}
	if circles == 0 {
		t.Error("no branch page")
	}
}
