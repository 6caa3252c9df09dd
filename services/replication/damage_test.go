package replication

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage"
)

// fill makes a journal of n frames of three entries, closes it and gives the entries.
func fill(t *testing.T, dir string, n int) []storage.Stored {
	t.Helper()
	ctx := within(t, 30*time.Second)
	j := NewJournal(JournalConfig{Host: "b", Dir: dir})
	if err := j.Open(ctx); err != nil {
		t.Fatal(err)
	}
	l := NewLog(j, storage.Mark{})
	if err := l.Fence(ctx, Fence{Term: Term{7, 1}, Host: "b"}); err != nil {
		t.Fatal(err)
	}
	var all []storage.Stored
	for range n {
		e := chain(t, l.End(), 7, 3, "text")
		if err := l.Append(ctx, e, l.End().Position); err != nil {
			t.Fatal(err)
		}
		all = append(all, e...)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

// blocks gives the stream's data files, and removes what the server would rather believe than them.
func blocks(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "stream", "jetstream", "*", "streams", "*", "msgs", "*"))
	if err != nil || len(found) == 0 {
		t.Fatal(found, err)
	}
	var data []string
	for _, f := range found {
		if filepath.Ext(f) == ".blk" {
			data = append(data, f)
		} else if err := os.RemoveAll(f); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(data)
	return data
}

// A journal that was damaged on disk is found by position and digest: whatever the server makes of it, the tail ends with
// something that was there, and never with something else.
func TestLog_DamageIsFound(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string, size int64){
		"truncated": func(t *testing.T, path string, size int64) {
			if err := os.Truncate(path, size*2/3); err != nil {
				t.Fatal(err)
			}
		},
		"altered": func(t *testing.T, path string, size int64) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte("damage damage damage"), size/2); err != nil {
				t.Fatal(err)
			}
		},
		"emptied": func(t *testing.T, path string, size int64) {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		},
		"removed": func(t *testing.T, path string, size int64) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			all := fill(t, dir, 40)
			path := blocks(t, dir)[0]
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			damage(t, path, info.Size())
			ctx := within(t, 20*time.Second)
			j := openJournal(t, JournalConfig{Host: "b", Dir: dir, Logger: testLogger(t, "b")})
			l := NewLog(j, storage.Mark{})
			if err := l.Read(ctx); err != nil {
				t.Fatal(err)
			}
			end := l.End()
			if n := end.Position.Sequence; n >= uint64(len(all)) || n > 0 && end != all[n-1].Mark() {
				t.Fatalf("ends at %v", end.Position)
			}
			var broken error
			l.View(func(tail *Tail) { broken = tail.Broken() })
			at, err := j.Info(ctx)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("ends at %v, broken: %v, stream %d to %d, recreated %v", end.Position, broken, at.First, at.Last, at.Recreated)
			if broken == nil && !at.Recreated {
				t.Error("nothing says that the journal lacks something")
			}
			// It goes on from there, and a restart agrees.
			if err := l.Fence(ctx, Fence{Term: Term{8, 1}, Host: "b"}); err != nil {
				t.Fatal(err)
			}
			if err := l.Heal(ctx); err != nil {
				t.Fatal(err)
			}
			if err := l.Append(ctx, chain(t, end, 8, 4, "after"), end.Position); err != nil {
				t.Fatal(err)
			}
			again := NewLog(j, storage.Mark{})
			if err := again.Read(ctx); err != nil {
				t.Fatal(err)
			}
			again.View(func(tail *Tail) { broken = tail.Broken() })
			if again.End() != l.End() || broken != nil {
				t.Fatal(again.End().Position, l.End().Position, broken)
			}
		})
	}
}

// A message that vanished from the middle of the standby's journal is found, and the session resyncs by itself.
func TestPair_DeletedMessageIsResynced(t *testing.T) {
	a, b := newPair(t)
	a.serve(7, b)
	a.awaitState(bus.PeerClose)
	a.hold()
	a.work(10, "before")
	same(t, a, b)
	acked := a.store.Committed()
	b.stop()
	// b loses an applied position's successor: three frames are in its journal, the first of them is deleted.
	ctx := within(t, 20*time.Second)
	c := b.journal
	c.Host, c.Dir = "b", filepath.Join(b.dir, "journal")
	j := NewJournal(c)
	if err := j.Open(ctx); err != nil {
		t.Fatal(err)
	}
	l := NewLog(j, acked)
	if err := l.Fence(ctx, Fence{Term: Term{7, 90}, Host: "b"}); err != nil {
		t.Fatal(err)
	}
	var seqs []uint64
	lost := chain(t, acked, 7, 9, "known to a as well")
	for part := range slices.Chunk(lost, 3) {
		if err := l.Append(ctx, part, acked.Position); err != nil {
			t.Fatal(err)
		}
		l.View(func(tail *Tail) { seqs = append(seqs, tail.Seq()) })
	}
	if err := deleteMessage(ctx, j, seqs[0]); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	a.required = false
	a.sender.Release()
	for part := range slices.Chunk(lost, 3) {
		a.commit(part...)
	}
	b.start()
	var broken error
	b.l.View(func(tail *Tail) { broken = tail.Broken() })
	if !errors.Is(broken, storage.ErrGap) {
		t.Fatal("the gap was not found:", broken)
	}
	if err := a.facts.Update(func(d *storage.FactsData) error { d.Session = 90; return nil }); err != nil {
		t.Fatal(err)
	}
	a.awaitState(bus.PeerClose)
	a.work(5, "after")
	same(t, a, b)
	if len(b.aside) == 0 {
		t.Fatal("what could not be read was not set aside")
	}
}

// deleteMessage makes a message vanish, and all before it, as a purge does that came too far.
func deleteMessage(ctx context.Context, j *Journal, seq uint64) error {
	js, err := jetstream.New(j.conn.Conn)
	if err != nil {
		return err
	}
	s, err := js.Stream(ctx, bus.JournalStream(j.config.Host))
	if err != nil {
		return err
	}
	return s.Purge(ctx, jetstream.WithPurgeSequence(seq+1))
}
