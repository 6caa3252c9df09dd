package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/pages"
)

// made makes a directory with a closed store of some size, and gives the bytes of its database.
func made(t *testing.T, entries int) (dir string, content []byte, end history.Mark) {
	t.Helper()
	dir = t.TempDir()
	s, err := Open(dir, Options{Host: "a", Identity: "i"})
	if err != nil {
		t.Fatal(err)
	}
	w := newWriter(t)
	commit(t, s, w.began())
	for i := range entries {
		commit(t, s, load(w, i))
		if i%50 == 0 {
			flush(t, s)
		}
	}
	end = flush(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err = os.ReadFile(filepath.Join(dir, DatabaseName))
	if err != nil {
		t.Fatal(err)
	}
	return dir, content, end
}

func TestOpen_DamagedAndForeignFilesAreNamed(t *testing.T) {
	dir, good, _ := made(t, 200)
	path := filepath.Join(dir, DatabaseName)
	heads, _, _, err := pages.ReadHeads(strings.NewReader(string(good)))
	if err != nil || len(heads) != 2 {
		t.Fatal(heads, err)
	}
	need := pages.Newest(heads).Pages * pages.Newest(heads).PageSize
	page := int(pages.Newest(heads).PageSize)
	change := func(f func(b []byte)) []byte {
		b := []byte(string(good))
		f(b)
		return b
	}
	for name, c := range map[string]struct {
		content []byte
		o       Options
		want    error
	}{
		"good":              {good, Options{Host: "a", Identity: "i"}, nil},
		"nobody asked":      {good, Options{}, nil},
		"another host":      {good, Options{Host: "b"}, ErrForeign},
		"another identity":  {good, Options{Host: "a", Identity: "j"}, ErrForeign},
		"empty":             {nil, Options{}, ErrDamaged},
		"text":              {[]byte(strings.Repeat("this is no database\n", 1000)), Options{}, ErrForeign},
		"wrong magic":       {change(func(b []byte) { b[pageHeader] ^= 1; b[page+pageHeader] ^= 1 }), Options{}, ErrForeign},
		"one wrong magic":   {change(func(b []byte) { b[pageHeader+page*int((pages.Newest(heads).Transaction+1)%2)] ^= 1 }), Options{}, nil},
		"version of bolt":   {change(func(b []byte) { b[pageHeader+4]++; b[page+pageHeader+4]++ }), Options{}, ErrVersion},
		"both heads":        {change(func(b []byte) { b[pageHeader+40] ^= 1; b[page+pageHeader+40] ^= 1 }), Options{}, ErrDamaged},
		"zeros":             {make([]byte, len(good)), Options{}, ErrDamaged},
		"cut after heads":   {good[:2*page], Options{}, ErrDamaged},
		"last page cut off": {good[:need-1], Options{}, ErrDamaged},
		"list of free":      {change(func(b []byte) { b[int(pages.Newest(heads).Freelist)*page+8] ^= 0x30 }), Options{}, ErrDamaged},
		"length of free": {change(func(b []byte) {
			b[int(pages.Newest(heads).Freelist)*page+10] = 0xff
			b[int(pages.Newest(heads).Freelist)*page+11] = 0xff
		}), Options{}, ErrDamaged},
		"root": {change(func(b []byte) { clear(b[int(pages.Newest(heads).Root)*page:][:page]) }), Options{}, ErrDamaged},
	} {
		if err := os.WriteFile(path, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir, c.o)
		if !errors.Is(err, c.want) || c.want != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err == nil {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestOpen_NextVersionIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	if err := s.makeDatabase(layout.State{}); err != nil {
		t.Fatal(err)
	}
	raw, err := format.Seal(layout.StateVersion+1, []byte(layout.KeyState), &layout.State{})
	if err != nil {
		t.Fatal(err)
	}
	if err := format.Unseal(layout.StateVersion, []byte(layout.KeyState), raw, &layout.State{}); !errors.Is(err, ErrVersion) {
		t.Errorf("next version: %v", err)
	}
}

// What an interrupted creation left is no database.
func TestOpen_RemovesHalfMadeDatabase(t *testing.T) {
	dir := t.TempDir()
	half := filepath.Join(dir, DatabaseName+".new")
	if err := os.WriteFile(half, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := open(t, dir, Options{}); !s.Created() {
		t.Error("not new")
	}
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
}

// spoiled is a good database file of which one bit at a time is wrong.
type spoiled struct {
	*testing.T
	dir    string
	good   []byte
	head   pages.Head
	end    history.Mark
	digest history.Digest
}

func newSpoiled(t *testing.T) *spoiled {
	dir, good, end := made(t, 400)
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := digest(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	heads, _, _, err := pages.ReadHeads(strings.NewReader(string(good)))
	if err != nil {
		t.Fatal(err)
	}
	head := pages.Newest(heads)
	return &spoiled{T: t, dir: dir, good: good[:head.Pages*head.PageSize], head: head, end: end, digest: want}
}

// open opens the file with one bit flipped.
func (d *spoiled) open(at int, bit byte) (*Store, error) {
	d.Helper()
	path := filepath.Join(d.dir, DatabaseName)
	d.good[at] ^= bit
	// A new file: a store that met a panic of bolt while it wrote keeps the old one locked until the process ends.
	err := errors.Join(os.Remove(path), os.WriteFile(path, d.good, 0o600))
	d.good[at] ^= bit
	if err != nil {
		d.Fatal(err)
	}
	return Open(d.dir, Options{InitialMmapSize: 1 << 20})
}

// A flipped bit anywhere is found by Open or Check, or it was in no page that counts. Nothing panics, and nothing reads
// as something else.
func TestCheck_FindsFlippedBits(t *testing.T) {
	d := newSpoiled(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d bytes", seed, len(d.good))
	random := rand.New(rand.NewPCG(seed, 0))
	found, harmless := 0, 0
	for range 400 {
		at, bit := random.IntN(len(d.good)), byte(1)<<random.IntN(8)
		s, err := d.open(at, bit)
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
				t.Errorf("bit %#x of byte %d: %v", bit, at, err)
			}
			found++
			continue
		}
		err = s.Check(context.Background())
		switch {
		case errors.Is(err, ErrDamaged):
			found++
			probe(s)
		case err != nil:
			t.Errorf("bit %#x of byte %d: %v", bit, at, err)
		case s.Applied() == d.end: // otherwise the newer head was hit, and bolt fell back to the older, whole one
			harmless++
			if got := digest(t, s); got != d.digest {
				t.Errorf("bit %#x of byte %d: another database, unnoticed", bit, at)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d found, %d in pages that do not count", found, harmless)
	if found < 100 {
		t.Errorf("only %d were found", found)
	}
}

// TestCheck_FindsAWrongNumberOfKeys: no checksum tells of a key that its page does not name any more.
func TestCheck_FindsAWrongNumberOfKeys(t *testing.T) {
	d := newSpoiled(t)
	const numberAt, bits = 10, 5 // in the header of a page
	found := 0
	for page := uint64(2); page < d.head.Pages; page++ {
		for bit := range bits {
			s, err := d.open(int(page*d.head.PageSize)+numberAt, 1<<bit)
			if err == nil {
				err = s.Check(t.Context())
				if err == nil && (s.Applied() != d.end || digest(t, s) != d.digest) {
					t.Errorf("bit %d of the number of keys of page %d: another database, unnoticed", bit, page)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			if errors.Is(err, ErrDamaged) {
				found++
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d were found", found)
	}
}

// TestLook_WhatIsDamagedFailsItself: of keys that have nothing to do with each other one bit of one is flipped in the file. The others are
// read, in the same view, and that one is named; who reads strictly is told by the view.
func TestLook_WhatIsDamagedFailsItself(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	w := newWriter(t)
	commit(t, s, w.began())
	for i := range 20 {
		commit(t, s, w.put("s", fmt.Sprintf("key %02d", i), fmt.Sprintf("value %02d", i)))
	}
	flush(t, s)
	path := filepath.Join(dir, DatabaseName)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(bit byte) {
		t.Helper()
		for at := range content {
			if strings.HasPrefix(string(content[at:min(len(content), at+8)]), "value 07") {
				if _, err := file.WriteAt([]byte{content[at] ^ bit}, int64(at)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	flip(1)
	err = s.View(func(r *Reader) error {
		_, revision, err := r.Look("s", []byte("key 07"))
		if !errors.Is(err, ErrDamaged) || revision != 9 {
			t.Errorf("revision %d, %v", revision, err)
		}
		if v, revision, err := r.Look("s", []byte("key 08")); err != nil || revision != 10 || string(v) != "value 08" {
			t.Errorf("%q of revision %d, %v", v, revision, err)
		}
		if v, revision, err := r.Look("s", []byte("key 99")); err != nil || revision != 0 || v != nil {
			t.Errorf("what is not there: %q of revision %d, %v", v, revision, err)
		}
		n := 0
		for it := range r.Each("s", nil, nil) {
			if (it.Err != nil) != (n == 7) || string(it.Key) != fmt.Sprintf("key %02d", n) || it.Revision != uint64(n+2) {
				t.Errorf("item %d: %q of revision %d, %v", n, it.Key, it.Revision, it.Err)
			}
			n++
		}
		if n != 20 || r.Damage() != nil {
			t.Errorf("%d items", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for what, read := range map[string]func(*Reader){
		"one key": func(r *Reader) { r.Get("s", []byte("key 07")) },
		"a page":  func(r *Reader) { r.Scan("s", nil, nil, 0, 0) },
		"a walk": func(r *Reader) {
			for range r.Walk("s", nil, nil) {
			}
		},
	} {
		if err := s.View(func(r *Reader) error { read(r); return nil }); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
		if err := s.View(func(r *Reader) error { read(r); return r.Damage() }); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s, asked for its damage: %v", what, err)
		}
	}
	flip(0) // as it was, for the check at the end
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}

// probe uses a damaged store in every way: errors are welcome, panics are not.
func probe(s *Store) {
	_ = s.View(func(r *Reader) error {
		for i := range 50 {
			r.Get("s", fmt.Appendf(nil, "key %04d", i*20))
			r.Answer(history.RequestID{Terminal: fmt.Sprint("t", i%5), Counter: uint64(i * 8)})
		}
		r.Scan("s", nil, nil, 0, 0)
		for range r.Walk("s", nil, nil) {
		}
		return nil
	})
	_, _, _ = s.DatabaseDigest()
	for next := []byte(nil); ; {
		r, err := s.SnapshotRange(next, 0)
		if err != nil || r.Done {
			break
		}
		next = r.Next
	}
	_, _ = s.Entries(s.First(), 0, 0)
	w := &writer{end: s.Committed(), time: s.PairTime()}
	e := history.Entry{Kind: history.KindUpdate, Space: "s", Time: w.time, Position: w.end.Position}
	e.Position.Sequence++
	for i := range 50 {
		e.Effects = append(e.Effects, history.Effect{Key: fmt.Appendf(nil, "key %04d", i*20), Delete: i%2 == 0})
	}
	if st, err := history.NewStored(w.end.Digest, e); err == nil {
		_ = s.Commit(st)
		_, _ = s.Flush(context.Background())
	}
}
