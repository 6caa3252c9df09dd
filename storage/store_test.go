package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/position"
)

func TestStore_ReadsSeeCommittedBeforeAndAfterFlush(t *testing.T) {
	dir := t.TempDir()
	s, w := open(t, dir, Options{Host: "a"}), newWriter(t)
	if !s.Created() {
		t.Error("a new directory is not said to be new")
	}
	commit(t, s, w.began(), w.put("s", "a", "1", "b", "2"), w.put("t", "a", "other space"), w.put("s", "a", "3"), w.drop("s", "b"))
	expect := func(when string) {
		t.Helper()
		for key, want := range map[string]string{"a": "3@4", "b": "", "c": ""} {
			if got := get(t, s, "s", key); got != want {
				t.Errorf("%s: key %q is %q, want %q", when, key, got, want)
			}
		}
		if got := get(t, s, "t", "a"); got != "other space@3" {
			t.Errorf("%s: other space has %q", when, got)
		}
	}
	expect("in the overlay")
	if s.Len() != 5 || s.Bytes() == 0 || !s.Applied().Position.IsZero() {
		t.Errorf("overlay of %d entries and %d bytes, applied %v", s.Len(), s.Bytes(), s.Applied())
	}
	if m := flush(t, s); m != w.end || s.Applied() != w.end || s.Len() != 0 || s.Bytes() != 0 {
		t.Errorf("flushed to %v, applied %v, %d left", m, s.Applied(), s.Len())
	}
	expect("applied")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{Host: "a"})
	expect("reopened")
	if s.Created() || s.Committed() != w.end || s.PairTime() != w.time {
		t.Errorf("reopened at %v, %d", s.Committed(), s.PairTime())
	}
	want := []layout.EpochStart{{Epoch: 1, Sequence: 1, Host: "a", Identity: "identity of a", RecordVersion: 1, Time: noon + 1e6}}
	if got := s.Epochs(); len(got) != 1 || got[0] != want[0] {
		t.Errorf("epochs %v", got)
	}
}

func TestStore_UnflushedEntriesGoWithTheProcess(t *testing.T) {
	dir := t.TempDir()
	s, w := open(t, dir, Options{}), newWriter(t)
	commit(t, s, w.began(), w.put("s", "a", "1"))
	at := flush(t, s)
	commit(t, s, w.put("s", "a", "2"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{})
	if s.Committed() != at || get(t, s, "s", "a") != "1@2" {
		t.Errorf("reopened at %v with %q", s.Committed(), get(t, s, "s", "a"))
	}
}

func TestStore_CommitTakesOnlyWhatFollows(t *testing.T) {
	s, w := open(t, t.TempDir(), Options{}), newWriter(t)
	first := w.began()
	second := w.put("s", "a", "1")
	third := w.put("s", "a", "2")
	commit(t, s, first, second)
	stranger := newWriter(t)
	stranger.time++
	stranger.began()
	stranger.put("s", "b", "1")
	lower, unopened := third.Entry, third.Entry
	lower.Position.Epoch = 0
	unopened.Position.Epoch = 2
	make := func(e history.Entry) history.Stored {
		st, err := history.NewStored(second.Digest, e)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	for _, c := range []struct {
		name string
		give []history.Stored
		want error
	}{
		{"seen before", []history.Stored{second}, history.ErrGap},
		{"something missing", []history.Stored{third, third}, history.ErrGap},
		{"other history", []history.Stored{stranger.put("s", "b", "2")}, history.ErrDiverged},
		{"lower epoch", []history.Stored{make(lower)}, history.ErrDiverged},
		{"epoch not opened", []history.Stored{make(unopened)}, history.ErrInvalid},
		{"epoch opened twice", []history.Stored{make(history.Entry{Kind: history.KindBegan, Host: "a", Identity: "i", Position: third.Entry.Position})}, history.ErrInvalid},
	} {
		if err := s.Commit(c.give...); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if s.Committed() != second.Mark() || get(t, s, "s", "a") != "1@2" {
			t.Fatalf("%s: refused entries left traces, at %v", c.name, s.Committed())
		}
	}
	commit(t, s, third)
}

func TestStore_NotifiedRisesAndIsKept(t *testing.T) {
	dir := t.TempDir()
	s, w := open(t, dir, Options{}), newWriter(t)
	commit(t, s, w.began(), w.put("s", "a", "1"))
	flush(t, s)
	p := position.Position{Epoch: 1, Sequence: 2}
	s.SetNotified(p)
	s.SetNotified(position.Position{Epoch: 1, Sequence: 1})
	flush(t, s) // nothing else to apply
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s = open(t, dir, Options{}); s.Notified() != p {
		t.Errorf("notified %v after reopening, want %v", s.Notified(), p)
	}
}

// Readers beside a writer and a flusher must see one position each: counters a and b change together, and the revision
// of both is the position of the last entry.
func TestStore_ViewsSeeOnePositionWhileFlushing(t *testing.T) {
	s, w := open(t, t.TempDir(), Options{MaxUpdates: 100}), newWriter(t)
	commit(t, s, w.began(), w.put("s", "a", "0", "b", "0"))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var tasks sync.WaitGroup
	var views atomic.Int64
	for range 2 {
		tasks.Go(func() {
			for last := uint64(0); ctx.Err() == nil; {
				err := s.View(func(r *Reader) error {
					a, ra, _ := r.Get("s", []byte("a"))
					items, _ := r.Scan("s", nil, nil, 0, 0)
					b, rb, _ := r.Get("s", []byte("b"))
					if string(a) != string(b) || ra != rb || ra != r.Position().Sequence || ra < last {
						return fmt.Errorf("at %v after %d: a %s@%d, b %s@%d", r.Position(), last, a, ra, b, rb)
					}
					if len(items) != 2 || items[0].Revision != ra || items[1].Revision != ra || string(items[0].Value) != string(a) {
						return fmt.Errorf("at %v: scan %v", r.Position(), items)
					}
					last = ra
					return nil
				})
				if err == nil {
					_, err = s.EntryAt(last)
				}
				if err != nil && !errors.Is(err, history.ErrTrimmed) {
					t.Error(err)
					return
				}
				views.Add(1)
			}
		})
	}
	tasks.Go(func() {
		for ctx.Err() == nil {
			if _, err := s.Flush(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	})
	for i := 0; i < 3000 || views.Load() < 3000; i++ {
		v := fmt.Sprint(i)
		commit(t, s, w.put("s", "a", v, "b", v))
		if t.Failed() {
			break
		}
	}
	stop()
	tasks.Wait()
	t.Logf("%d views, %d flushes", views.Load(), s.Stats().Flushes)
}

func TestStore_SecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, Options{})
	_, err := Open(dir, Options{})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())+"; stop it") {
		t.Errorf("second open: %v", err)
	}
	if err := first.Close(); err != nil { // which is to stop it
		t.Fatal(err)
	}
	second, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

func TestStore_ClosedStoreSaysSo(t *testing.T) {
	s, w := open(t, t.TempDir(), Options{}), newWriter(t)
	first := w.began()
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	_, flushed := s.Flush(t.Context())
	_, pinned := s.Pin(1)
	_, read := s.Entries(1, 0, 0)
	_, copied := s.SnapshotRange(nil, 0)
	for i, err := range []error{
		s.Commit(first), flushed, pinned, read, copied, s.TestWrite(), s.Check(t.Context()), s.BeginSnapshot(history.Mark{}),
		s.PutRange(Range{}), s.View(func(*Reader) error { return nil }),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("call %d: %v, want ErrClosed", i, err)
		}
	}
}

func TestStore_CloseWaitsForViews(t *testing.T) {
	s, w := open(t, t.TempDir(), Options{}), newWriter(t)
	commit(t, s, w.began(), w.put("s", "a", "1"))
	flush(t, s)
	closed := make(chan error, 1)
	err := s.View(func(r *Reader) error {
		started := make(chan struct{})
		go func() { close(started); closed <- s.Close() }()
		<-started
		for range 1000 { // bolt would unmap the file under these
			if _, _, ok := r.Get("s", []byte("a")); !ok {
				return errors.New("lost the key")
			}
		}
		select {
		case err := <-closed:
			return fmt.Errorf("closed under a view: %v", err)
		default:
			return nil
		}
	})
	if err := errors.Join(err, <-closed); err != nil {
		t.Error(err)
	}
}

func TestStore_TestWriteLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	for range 3 {
		if err := s.TestWrite(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(dir + "/fitness"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}

// R8: after a failed write nothing is retried. The child may not let files grow.
func TestStore_DeadAfterFailedWrite(t *testing.T) {
	const variable = "STORAGE_TEST_FULL_DISK"
	dir := os.Getenv(variable)
	if dir == "" {
		dir = t.TempDir()
		s, w := open(t, dir, Options{}), newWriter(t)
		commit(t, s, w.began(), w.put("s", "a", "1"))
		at := flush(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		child := exec.Command(os.Args[0], "-test.run=^TestStore_DeadAfterFailedWrite$", "-test.v")
		child.Env = append(os.Environ(), variable+"="+dir)
		if out, err := child.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if s = open(t, dir, Options{}); s.Committed() != at || get(t, s, "s", "a") != "1@2" {
			t.Errorf("after the failure at %v, want %v", s.Committed(), at)
		}
		return
	}
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := newWriter(t)
	w.end, w.time = s.Committed(), s.PairTime()
	commit(t, s, w.put("s", "a", "2"))
	limit := syscall.Rlimit{Cur: 16 << 10, Max: 16 << 10}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Flush(t.Context()); !errors.Is(err, ErrDead) {
		t.Errorf("flush on a full disk: %v", err)
	}
	limit.Cur = limit.Max
	if _, err := s.Flush(t.Context()); !errors.Is(err, ErrDead) {
		t.Errorf("flush after a failure: %v", err)
	}
	if err := s.Commit(w.put("s", "a", "3")); !errors.Is(err, ErrDead) {
		t.Errorf("commit after a failure: %v", err)
	}
	if err := s.View(func(*Reader) error { return nil }); !errors.Is(err, ErrDead) {
		t.Errorf("view after a failure: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
