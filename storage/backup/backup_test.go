package backup

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// source is a store that can be grown.
type source struct {
	tb    testing.TB
	store *storage.Store
	end   history.Mark
	time  int64
	n     int
	level level.Level // of the updates that it makes
}

func newSource(tb testing.TB) *source {
	tb.Helper()
	store, err := storage.Open(tb.TempDir(), storage.Options{Host: "a", Identity: "identity of a"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	s := &source{tb: tb, level: level.Own().Newest, store: store, time: int64(1_700_000_000) * int64(time.Second)}
	s.commit(history.Entry{Kind: history.KindBegan, Host: "a", Identity: "identity of a", RecordVersion: 1})
	return s
}

func (s *source) commit(e history.Entry) {
	s.tb.Helper()
	e.Position = position.Position{Epoch: 7, Sequence: s.end.Position.Sequence + 1}
	s.time += int64(time.Millisecond)
	e.Time = s.time
	stored, err := history.NewStored(s.end.Digest, e)
	if err == nil {
		err = s.store.Commit(stored)
	}
	if err != nil {
		s.tb.Fatal(err)
	}
	s.end = stored.Mark()
}

// grow commits updates of every sort.
func (s *source) grow(n int) {
	s.tb.Helper()
	for range n {
		s.n++
		e := history.Entry{Kind: history.KindUpdate, Space: "kv", Effects: []history.Effect{
			{Key: []byte(fmt.Sprintf("key %03d", s.n*7919%500)), Value: []byte(strings.Repeat("v", s.n%300))}}}
		if s.n%3 == 0 {
			e.Request = history.RequestID{Terminal: fmt.Sprint("t", s.n%4), Counter: uint64(s.n)}
			e.HasAnswer, e.Answer = true, history.Answer{Body: []byte(fmt.Sprint(s.n))}
			e.Oldest = uint64(max(0, s.n-60))
		}
		if s.n%5 == 0 {
			e.Effects[0].Delete = true
		}
		if s.n%4 == 0 && s.level >= history.OutboxLevel {
			e.Outbox = []history.Effect{{Key: []byte(fmt.Sprintf("due %03d", s.n*31%200)), Value: []byte("later"), Delete: s.n%12 == 0}}
		}
		s.commit(e)
	}
}

func (s *source) flush() {
	s.tb.Helper()
	if _, err := s.store.Flush(context.Background()); err != nil {
		s.tb.Fatal(err)
	}
}

// back makes a backup as the updater does, in small pieces; between does something between any two.
func (s *source) back(between func()) []byte {
	s.tb.Helper()
	return s.backBy(NewWriter(ours.Key), between)
}

func (s *source) backBy(w Writer, between func()) []byte {
	s.tb.Helper()
	var file []byte
	add := func(raw []byte, err error) {
		s.tb.Helper()
		if err != nil {
			s.tb.Fatal(err)
		}
		file = append(file, raw...)
	}
	base := s.store.Applied()
	add(w.Begin(Header{PairID: "pair", Host: "a", Made: time.Unix(1_700_000_000, 0).UTC(), Base: base}))
	var at int64
	for cursor := []byte(nil); ; {
		r, err := s.store.SnapshotRange(cursor, 3000)
		if err != nil {
			s.tb.Fatal(err)
		}
		add(w.Range(&r))
		between()
		cursor, at = r.Next, r.Time
		if r.Done {
			break
		}
	}
	until := s.store.Committed()
	for from := base.Position.Sequence + 1; from <= until.Position.Sequence; {
		entries, err := s.store.Entries(from, 20, 0)
		if err != nil {
			s.tb.Fatal(err)
		}
		entries = entries[:min(len(entries), int(until.Position.Sequence-from+1))]
		add(w.Entries(entries))
		from += uint64(len(entries))
		between()
	}
	add(w.End(until, at))
	return file
}

func write(tb testing.TB, content []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "file.backup")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func digestOf(tb testing.TB, s *storage.Store) (history.Digest, history.Mark) {
	tb.Helper()
	d, at, err := s.DatabaseDigest()
	if err != nil {
		tb.Fatal(err)
	}
	return d, at
}

// TestFault_A2_RestoreTrimsNothing: the restore opened the new database with bounds of its own. Of a pair that keeps its history for longer
// it dropped what it had just read.
func TestFault_A2_RestoreTrimsNothing(t *testing.T) {
	s := newSource(t)
	s.grow(500)
	s.flush()
	base := s.end.Position.Sequence
	path := write(t, s.back(func() {
		s.grow(1)
		s.time += int64(3 * 24 * time.Hour)
	}))
	dir := filepath.Join(t.TempDir(), "data")
	r, err := Restore(t.Context(), RestoreConfig{File: path, Proof: ours, Dir: dir, Host: "b"})
	if err != nil {
		t.Fatal(err)
	}
	restored, err := storage.Open(dir, storage.Options{Host: "b", Identity: r.Identity})
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	if first := restored.First(); first != base+1 || r.Entries < 4 {
		t.Errorf("of %d entries from %d on the restored history begins with %d", r.Entries, base+1, first)
	}
}

// What is restored is the database at the position that the backup names, although updates went on while it was made.
func TestRestore_IsTheDatabaseAtOnePosition(t *testing.T) {
	for name, pace := range map[string]int{"idle": 0, "busy": 11} {
		t.Run(name, func(t *testing.T) {
			s := newSource(t)
			s.grow(2000)
			s.flush()
			var wanted history.Digest
			pieces := 0
			path := write(t, s.back(func() {
				pieces++
				s.grow(pace)
				if pieces%3 == 0 {
					s.flush()
				}
			}))
			summary, err := Check(t.Context(), path, ours, nil)
			if err != nil {
				t.Fatal(err)
			}
			if summary.PairID != "pair" || summary.Host != "a" || summary.Ranges < 5 || pace > 0 && summary.Entries == 0 {
				t.Errorf("it holds %+v", summary)
			}
			dir := filepath.Join(t.TempDir(), "host", "data")
			told := map[string]bool{}
			r, err := Restore(context.Background(), RestoreConfig{File: path, Proof: ours, Dir: dir, Host: "b", Progress: func(what string, done float64) {
				told[what] = true
				if done < 0 || done > 1 {
					t.Errorf("%s is at %f", what, done)
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			if r.Position != summary.Position || r.Identity == "" || !told["check"] || !told["restore"] {
				t.Errorf("restored %+v", r)
			}
			facts, err := facts.Open(dir, "b")
			if err != nil {
				t.Fatal(err)
			}
			if f := facts.Get(); f.PairID != "pair" || f.Epoch != 7 || !f.Note.Out || f.Note.Version != 0 || f.Identity == "identity of a" || f.Identity != r.Identity || f.Receiving != nil || f.Term != 0 {
				t.Errorf("facts %+v", f)
			}
			restored, err := storage.Open(dir, storage.Options{Host: "b", Identity: r.Identity})
			if err != nil {
				t.Fatal(err)
			}
			defer restored.Close()
			if err := restored.Check(context.Background()); err != nil {
				t.Error(err)
			}
			got, at := digestOf(t, restored)
			if at.Position.String() != summary.Position {
				t.Errorf("it is at %v, the backup at %s", at.Position, summary.Position)
			}
			// The source, brought to exactly that position, is the same.
			again := newSource(t)
			for again.end.Position.Sequence < at.Position.Sequence {
				again.grow(1)
			}
			again.flush()
			if wanted, _ = digestOf(t, again.store); got != wanted || again.end != at {
				t.Error("what was restored is not the database at that position")
			}
			if left, _ := filepath.Glob(dir + ".*"); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestRestore_TouchesNothingThatIsThere(t *testing.T) {
	s := newSource(t)
	s.grow(50)
	s.flush()
	path := write(t, s.back(func() {}))
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	if err := os.WriteFile(precious, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := RestoreConfig{File: path, Proof: ours, Dir: dir, Host: "a"}
	if _, err := Restore(context.Background(), c); !errors.Is(err, ErrOccupied) {
		t.Errorf("into a directory with data: %v", err)
	}
	c.MoveAway = true
	hold, err := storage.HoldDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(context.Background(), c); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("into the directory of a running host: %v", err)
	}
	if err := hold.Release(); err != nil {
		t.Fatal(err)
	}
	bad := write(t, append(s.back(func() {}), 'x'))
	if _, err := Restore(context.Background(), RestoreConfig{File: bad, Proof: ours, Dir: dir, Host: "a", MoveAway: true}); !errors.Is(err, ErrDamaged) {
		t.Errorf("from a damaged file: %v", err)
	}
	if content, err := os.ReadFile(precious); err != nil || string(content) != "x" {
		t.Fatalf("what was there is gone: %v", err)
	}
	r, err := Restore(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(filepath.Join(r.Moved, "precious")); err != nil || string(content) != "x" {
		t.Errorf("what was there is not in %s: %v", r.Moved, err)
	}
	if err := os.RemoveAll(r.Moved); err != nil {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	empty := t.TempDir()
	if _, err := Restore(ended, RestoreConfig{File: path, Proof: ours, Dir: empty, Host: "a"}); err == nil {
		t.Error("a restore that was cut off succeeds")
	}
	if left, _ := filepath.Glob(empty + "*"); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// Whatever byte is changed and wherever the file is cut, it is refused.
func TestCheck_RefusesEveryDamage(t *testing.T) {
	s := newSource(t)
	s.grow(12)
	s.flush()
	good := s.back(func() { s.grow(2) })
	if _, err := Check(t.Context(), write(t, good), ours, nil); err != nil {
		t.Fatal(err)
	}
	look := func(content []byte) error {
		_, err := newReader(bytes.NewReader(content), ours, nothing{}).read()
		return err
	}
	for n := range good {
		if err := look(good[:n]); !errors.Is(err, ErrShort) && !(n == 0 && errors.Is(err, ErrForeign)) {
			t.Fatalf("cut after %d of %d bytes: %v", n, len(good), err)
		}
	}
	for n := 0; n < len(good); n += 3 {
		bad := bytes.Clone(good)
		bad[n] ^= 0x41
		if err := look(bad); err == nil {
			t.Fatalf("byte %d of %d changed: no error", n, len(good))
		}
	}
	for name, c := range map[string]struct {
		content []byte
		want    error
	}{
		"text":      {[]byte("once upon a time"), ErrForeign},
		"empty":     {nil, ErrForeign},
		"more":      {append(bytes.Clone(good), 0), ErrDamaged},
		"no header": {append([]byte(magic), good[len(magic)+5+int(binary.BigEndian.Uint32(good[len(magic)+1:])):]...), ErrDamaged},
		"newer":     {append([]byte(magic), later(t)...), ErrVersion},
		"twice":     {append(bytes.Clone(good), good...), ErrDamaged},
		"giant":     {append([]byte(magic), 'R', 0xff, 0xff, 0xff, 0xff), ErrDamaged},
	} {
		if err := look(c.content); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := Check(t.Context(), t.TempDir(), ours, nil); !errors.Is(err, ErrForeign) {
		t.Errorf("a directory: %v", err)
	}
	if _, err := Check(t.Context(), filepath.Join(t.TempDir(), "none"), ours, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// later is the header of a program of tomorrow.
func later(t *testing.T) []byte {
	raw, err := cbor.Marshal(Header{Version: Version + 1})
	if err != nil {
		t.Fatal(err)
	}
	return record(recordHeader, raw)
}

func FuzzRead(f *testing.F) {
	s := newSource(f)
	s.grow(12)
	s.flush()
	good := s.back(func() { s.grow(1) })
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte(magic))
	f.Add(append([]byte(magic), 'H', 0, 0, 0, 1, 0xa0))
	f.Fuzz(func(t *testing.T, content []byte) {
		summary, err := newReader(bytes.NewReader(content), ours, nothing{}).read()
		if err == nil && (summary.Version != Version || summary.Bytes != int64(len(content))) {
			t.Errorf("accepted %d bytes as %+v", len(content), summary)
		}
		if err != nil && !errors.Is(err, ErrForeign) && !errors.Is(err, ErrVersion) && !errors.Is(err, ErrShort) && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrUnproved) {
			t.Errorf("an error without a name: %v", err)
		}
	})
}
