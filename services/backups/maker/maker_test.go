package maker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/backups"
	"github.com/hotpair/hotpair/services/backups/bucket"
	"github.com/hotpair/hotpair/services/backups/folder"
	"github.com/hotpair/hotpair/services/backups/maker"
	"github.com/hotpair/hotpair/services/updater/archive"
	"github.com/hotpair/hotpair/simulator/s3"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/backup"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

const key = "the pair's key"

// database gives a backup of a small database, as an updater makes it.
func database(t *testing.T) []byte {
	t.Helper()
	store, err := storage.Open(t.TempDir(), storage.Options{Host: "b", Identity: "first"})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var end history.Mark
	for i := range 200 {
		e := history.Entry{Kind: history.KindUpdate, Space: "kv", Effects: []history.Effect{{Key: fmt.Appendf(nil, "key %d", i), Value: bytes.Repeat([]byte("v"), 1000)}}}
		if i == 0 {
			e = history.Entry{Kind: history.KindBegan, Host: "b", Identity: "first", RecordVersion: 1}
		}
		e.Time, e.Position = int64(i+1)*int64(time.Second), position.Position{Epoch: 7, Sequence: uint64(i + 1)}
		stored, err := history.NewStored(end.Digest, e)
		if err == nil {
			err = store.Commit(stored)
		}
		if err != nil {
			t.Fatal(err)
		}
		end = stored.Mark()
	}
	if _, err := store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := backup.NewWriter(key)
	var file bytes.Buffer
	add := func(raw []byte, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		file.Write(raw)
	}
	add(w.Begin(backup.Header{PairID: "PAIR", Host: "b", Made: time.Unix(1_700_000_000, 0).UTC(), Base: end}))
	r, err := store.SnapshotRange(nil, 0)
	if err != nil || !r.Done {
		t.Fatal(r.Done, err)
	}
	add(w.Range(&r))
	add(w.End(end, r.Time))
	return file.Bytes()
}

// source gives an archive in pieces, as an updater does.
type source struct {
	archive []byte
	size    int64 // that it says; 0: of the archive
	fails   error // with the second piece

	mu        sync.Mutex
	abandoned int
}

func (s *source) Piece(_ context.Context, q bus.BackupOrder) (bus.BackupPage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	const piece = 64 << 10
	if q.Abandon {
		s.abandoned++
		return bus.BackupPage{Session: q.Session}, nil
	}
	if q.Piece == 1 && s.fails != nil {
		return bus.BackupPage{}, s.fails
	}
	at := int(q.Piece) * piece
	end := min(at+piece, len(s.archive))
	page := bus.BackupPage{Session: "s", Bytes: s.archive[at:end], Last: end == len(s.archive), Size: int64(len(s.archive))}
	if s.size != 0 {
		page.Size = s.size
	}
	return page, nil
}

// tried counts what is restored on trial.
type tried struct {
	archive.Trials
	n *int
}

func (a tried) Try(ctx context.Context, path, key, folder string) error {
	*a.n++
	return a.Trials.Try(ctx, path, key, folder)
}

// setting is a maker with what it works on.
type setting struct {
	maker.Config
	place  string // folder
	source *source
	trials int
	now    time.Time
}

func newSetting(t *testing.T) *setting {
	t.Helper()
	s := &setting{place: t.TempDir(), source: &source{archive: database(t)}, now: time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)}
	s.Config = maker.Config{
		Host: "b", Data: t.TempDir(), Key: key, Keep: backups.Rule{Last: 3}, Place: folder.New(s.place), Source: s.source, Archive: tried{n: &s.trials},
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { s.now = s.now.Add(time.Second); return s.now },
	}
	s.Work = filepath.Join(s.Data, "backup-work")
	return s
}

// names lists a folder.
func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// clean demands that nothing of a backup is left where it was made.
func (s *setting) clean(t *testing.T) {
	t.Helper()
	if left := names(t, s.Work); len(left) > 0 {
		t.Errorf("left where backups are made: %q", left)
	}
}

func TestMake_IsWholeAndTheOldOnesGo(t *testing.T) {
	s := newSetting(t)
	strange := []string{"hotpair-OTHER-20200102T030405.000Z-b.backup", "hotpair-PAIR-notes.txt", "photo.jpg", "hotpair-PAIR-20200102T030405.000Z-a.backup.new-7"}
	for _, name := range append(strange, "hotpair-PAIR-20200102T030405.000Z-b.backup.new-7", "hotpair-PAIR-20200102T030405.000Z-a.backup") {
		if err := os.WriteFile(filepath.Join(s.place, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := maker.New(s.Config)
	var last backups.Made
	for i := range 5 {
		made, err := m.Make(t.Context(), backups.Make{PairID: "PAIR", Try: i == 0, Last: last.Name})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(s.place, made.Name))
		if err != nil || !bytes.Equal(raw, s.source.archive) || made.Bytes != int64(len(raw)) || made.Position.Sequence != 200 || made.Tried != (i == 0) || made.Host != "b" || made.Unremoved != "" {
			t.Fatalf("made %+v, %v", made, err)
		}
		last = made
	}
	if s.trials != 1 {
		t.Errorf("restored on trial %d times", s.trials)
	}
	s.clean(t)
	list, err := m.List(t.Context(), backups.ListQuestion{PairID: "PAIR"})
	if err != nil || len(list.Kept) != 3 || list.Kept[0].Name != last.Name || list.Kept[0].Bytes != last.Bytes {
		t.Errorf("list %+v, %v", list, err)
	}
	left := names(t, s.place)
	for _, name := range strange {
		if !slices.Contains(left, name) {
			t.Errorf("%s is gone", name)
		}
	}
	if len(left) != len(strange)+3 {
		t.Errorf("in the place there are %q", left)
	}
}

func TestMake_TheLastGoodOneIsNotRemoved(t *testing.T) {
	s := newSetting(t)
	s.Keep = backups.Rule{Last: 1}
	m := maker.New(s.Config)
	first, err := m.Make(t.Context(), backups.Make{PairID: "PAIR"})
	if err != nil {
		t.Fatal(err)
	}
	s.now = s.now.Add(time.Hour) // the clock is ahead for one
	if _, err := m.Make(t.Context(), backups.Make{PairID: "PAIR", Last: first.Name}); err != nil {
		t.Fatal(err)
	}
	s.now = s.now.Add(-time.Hour)
	third, err := m.Make(t.Context(), backups.Make{PairID: "PAIR", Last: first.Name})
	if err != nil || third.Removed != 0 || len(names(t, s.place)) != 3 {
		t.Errorf("%+v, %v: %q", third, err, names(t, s.place))
	}
}

func TestMake_Encrypted(t *testing.T) {
	s := newSetting(t)
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	s.Recipient = identity.Recipient().String()
	made, err := maker.New(s.Config).Make(t.Context(), backups.Make{PairID: "PAIR", Try: true})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(s.place, made.Name))
	if err != nil || bytes.Contains(raw, []byte("key 17")) || !strings.HasSuffix(made.Name, ".age") || made.Sealed != s.Recipient {
		t.Fatalf("made %+v, %v", made, err)
	}
	plain, err := age.Decrypt(bytes.NewReader(raw), identity)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := io.ReadAll(plain); err != nil || !bytes.Equal(all, s.source.archive) {
		t.Errorf("decrypted it is something else: %v", err)
	}
	s.clean(t)
}

// broken is a place in which something goes wrong.
type broken struct {
	maker.Place
	put  func(name string, r io.Reader) error
	open func(name string) (io.ReadCloser, error)
}

func (b broken) Put(ctx context.Context, name string, about int64, r io.Reader) error {
	if b.put != nil {
		return b.put(name, r)
	}
	return b.Place.Put(ctx, name, about, r)
}

func (b broken) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if b.open != nil {
		return b.open(name)
	}
	return b.Place.Open(ctx, name)
}

// TestMake_WhatIsNoBackupIsNone: whatever goes wrong, the error says where, the place has no new backup, and the next try is good.
func TestMake_WhatIsNoBackupIsNone(t *testing.T) {
	full := errors.New("no space left on device")
	for name, c := range map[string]struct {
		breaks func(s *setting)
		says   string
	}{
		"the updater breaks off":  {func(s *setting) { s.source.fails = full }, "read the database: updater: no space"},
		"the archive is damaged":  {func(s *setting) { s.source.archive[5000] ^= 1 }, "check the archive: "},
		"another pair's key":      {func(s *setting) { s.Key = "another" }, "not proved"},
		"no room":                 {func(s *setting) { s.source.size = 1 << 50 }, "too little room"},
		"no folder":               {func(s *setting) { s.Place = folder.New(filepath.Join(s.place, "none")) }, "does not exist: mount it"},
		"a file for a folder":     {func(s *setting) { s.Place = folder.New("/etc/passwd") }, "is no folder"},
		"a read-only file system": {func(s *setting) { s.Place = folder.New("/proc/self") }, "store the backup in /proc/self"},
		"nowhere to make it":      {func(s *setting) { s.Work = "/proc/self/nothing" }, "begin in /proc/self/nothing"},
		"the place is full": {func(s *setting) {
			s.Place = broken{Place: folder.New(s.place), put: func(_ string, r io.Reader) error { _, _ = io.CopyN(io.Discard, r, 1000); return full }}
		}, "no space left"},
		"it comes back changed": {func(s *setting) {
			s.Place = broken{Place: folder.New(s.place), open: func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("something else")), nil }}
		}, "read the backup back from"},
		"no name": {func(s *setting) { s.Host = "a b" }, "in the name of a backup"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetting(t)
			good := s.Config
			raw := bytes.Clone(s.source.archive)
			c.breaks(s)
			_, err := maker.New(s.Config).Make(t.Context(), backups.Make{PairID: "PAIR", Try: true})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("it says %v, want %q", err, c.says)
			}
			if left := names(t, s.place); len(left) > 0 {
				t.Errorf("in the place there are %q", left)
			}
			s.clean(t)
			if s.source.fails != nil && s.source.abandoned != 1 {
				t.Errorf("the updater is told %d times that nobody wants it any more", s.source.abandoned)
			}
			s.source.archive, s.source.fails, s.source.size = raw, nil, 0
			if _, err := maker.New(good).Make(t.Context(), backups.Make{PairID: "PAIR"}); err != nil {
				t.Errorf("the next try: %v", err)
			}
		})
	}
}

// TestMake_APlaceThatHangs: it is given up, nothing is begun on top of it, and when it comes back the next one is made.
func TestMake_APlaceThatHangs(t *testing.T) {
	s := newSetting(t)
	release := make(chan struct{})
	hung := broken{Place: folder.New(s.place), put: func(string, io.Reader) error { <-release; return errors.New("it came back") }}
	s.Patience = 500 * time.Millisecond // on a busy machine other steps may seem to hang too: those are tried again
	c := s.Config
	var once sync.Once
	c.Place = swap{folder.New(s.place), &once, hung}
	m := maker.New(c)
	for {
		_, err := m.Make(t.Context(), backups.Make{PairID: "PAIR"})
		if !errors.Is(err, maker.ErrStalled) && !errors.Is(err, backups.ErrInProgress) {
			t.Fatalf("a place that hangs: %v", err)
		}
		if strings.Contains(err.Error(), "store the backup in "+s.place) {
			break
		}
	}
	if _, err := m.Make(t.Context(), backups.Make{PairID: "PAIR"}); !errors.Is(err, backups.ErrInProgress) {
		t.Errorf("while it hangs: %v", err)
	}
	close(release)
	for {
		_, err := m.Make(t.Context(), backups.Make{PairID: "PAIR"})
		if err == nil {
			break
		}
		if !errors.Is(err, backups.ErrInProgress) && !errors.Is(err, maker.ErrStalled) {
			t.Fatal(err)
		}
	}
	s.clean(t)
}

// swap is another place for the first backup.
type swap struct {
	maker.Place
	once  *sync.Once
	first broken
}

func (p swap) Put(ctx context.Context, name string, about int64, r io.Reader) (err error) {
	hung := false
	p.once.Do(func() { hung = true })
	if hung {
		return p.first.Put(ctx, name, about, r)
	}
	return p.Place.Put(ctx, name, about, r)
}

// TestMake_AServerThatIsFrozen: a real service that takes connections and never answers is given up, and nothing of it is left once it goes on.
func TestMake_AServerThatIsFrozen(t *testing.T) {
	server := s3.Start(t)
	place, err := bucket.New(bucket.Config{Endpoint: "http://" + server.Address, Region: s3.Region, Access: s3.Access, Secret: s3.Secret, PathStyle: true, Bucket: server.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	s := newSetting(t)
	s.Place = place
	impatient := s.Config
	impatient.Patience = 300 * time.Millisecond
	server.Freeze()
	_, err = maker.New(impatient).Make(t.Context(), backups.Make{PairID: "PAIR"})
	server.Thaw()
	if !errors.Is(err, maker.ErrStalled) {
		t.Errorf("a server that is frozen: %v", err)
	}
	s.clean(t)
	m := maker.New(s.Config)
	made, err := m.Make(t.Context(), backups.Make{PairID: "PAIR", Try: true})
	if err != nil {
		t.Fatal(err)
	}
	list, err := m.List(t.Context(), backups.ListQuestion{PairID: "PAIR"})
	if err != nil || len(list.Kept) != 1 || list.Kept[0].Name != made.Name || list.Kept[0].Bytes != int64(len(s.source.archive)) {
		t.Errorf("list %+v, %v", list, err)
	}
}
