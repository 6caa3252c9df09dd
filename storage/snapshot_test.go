package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/layout"
)

// load makes entries of every sort without end.
func load(w *writer, i int) history.Stored {
	at := time.Unix(0, w.time).UTC().Format(time.RFC3339Nano)
	key := fmt.Sprintf("key %04d", i*7919%1000)
	switch i % 9 {
	case 0:
		return w.drop("s", key)
	case 1:
		return w.answered(history.RequestID{Terminal: fmt.Sprint("t", i%7), App: at + "/x"}, 0, "app")
	case 2, 3:
		return w.answered(history.RequestID{Terminal: fmt.Sprint("t", i%5), Counter: uint64(i)}, uint64(max(0, i-200)), "counter")
	case 4:
		return w.put(fmt.Sprint("space ", i%50), key, fmt.Sprint(i))
	default:
		return w.put("s", key, fmt.Sprint(i), "common", fmt.Sprint(i))
	}
}

// pull copies from one store to another until all ranges are in, as the replication does; interrupt may replace the
// receiver between any two ranges.
func pull(t *testing.T, from *Store, to *Store, interrupt func(*Store) *Store) *Store {
	t.Helper()
	for {
		p, ok := to.Receiving()
		if !ok || p.Done {
			return to
		}
		r, err := from.SnapshotRange(p.Cursor, 2000)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if r, err = DecodeRange(raw); err != nil {
			t.Fatal(err)
		}
		if err := to.PutRange(r); err != nil {
			t.Fatal(err)
		}
		if !r.Done {
			if err := to.PutRange(r); !errors.Is(err, ErrOrder) {
				t.Fatalf("the same range again: %v", err)
			}
		}
		to = interrupt(to)
	}
}

// replay gives the receiver the entries that follow its end.
func replay(t *testing.T, from, to *Store) {
	t.Helper()
	for to.Committed() != from.Committed() {
		entries, err := from.Entries(to.Committed().Position.Sequence+1, 100, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			t.Fatalf("the receiver is at %v, the sender at %v", to.Committed(), from.Committed())
		}
		commit(t, to, entries...)
		flush(t, to)
	}
}

func TestSnapshot_EndsEqualWhileTheSenderGoesOn(t *testing.T) {
	sender, w := open(t, t.TempDir(), Options{MaxUpdates: 100}), newWriter(t)
	commit(t, sender, w.began())
	for i := range 3000 {
		commit(t, sender, load(w, i))
	}
	flush(t, sender)

	dir := t.TempDir()
	receiver := open(t, dir, Options{MaxUpdates: 100, Host: "b"})
	other := newWriter(t) // what it had before
	commit(t, receiver, other.began(), other.put("old", "old key", "old value"))
	flush(t, receiver)

	base := sender.Applied()
	release, err := sender.Pin(base.Position.Sequence + 1)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	defer writing.Wait()
	defer stop()
	moving := make(chan struct{}) // the writer waits too, or it could outrun the copy for ever
	writing.Go(func() {
		for i := 3000; ctx.Err() == nil; i++ {
			if err := sender.Commit(load(w, i)); err != nil {
				t.Error(err)
				return
			}
			if i%20 == 0 {
				if _, err := sender.Flush(context.Background()); err != nil {
					t.Error(err)
					return
				}
				select {
				case moving <- struct{}{}:
				case <-ctx.Done():
				}
			}
		}
	})
	if err := receiver.BeginSnapshot(base); err != nil {
		t.Fatal(err)
	}
	if got := receiver.Committed(); got != base || receiver.First() != base.Position.Sequence+1 {
		t.Errorf("after the beginning at %v", got)
	}
	ranges := 0
	receiver = pull(t, sender, receiver, func(s *Store) *Store {
		<-moving // so that every range is of another position
		ranges++
		for what, err := range map[string]error{
			"view":   s.View(func(*Reader) error { return nil }),
			"digest": func() error { _, _, err := s.DatabaseDigest(); return err }(),
			"sender": func() error { _, err := s.SnapshotRange(nil, 0); return err }(),
		} {
			if !errors.Is(err, ErrReceiving) {
				t.Errorf("%s of an inconsistent database: %v", what, err)
			}
		}
		if p, ok := s.Receiving(); ok && !p.Done {
			if err := s.Commit(follow(base)); !errors.Is(err, ErrReceiving) {
				t.Errorf("commit between ranges: %v", err)
			}
		}
		if err := s.Check(context.Background()); err != nil {
			t.Error(err)
		}
		if ranges%5 != 0 {
			return s
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return open(t, dir, Options{MaxUpdates: 100, Host: "b"})
	})
	p, ok := receiver.Receiving()
	if !ok || !p.Done || p.Until.Position.Sequence <= base.Position.Sequence {
		t.Fatalf("the sender did not go on: %+v", p)
	}
	stop()
	writing.Wait()
	flush(t, sender)
	replay(t, sender, receiver)
	if _, ok := receiver.Receiving(); ok {
		t.Error("still inconsistent after the replay")
	}
	if digest(t, sender) != digest(t, receiver) {
		t.Error("digests differ")
	}
	if get(t, receiver, "old", "old key") != "" {
		t.Error("the old database shines through")
	}
	if a, b := sender.Epochs(), receiver.Epochs(); len(a) != len(b) || a[0] != b[0] {
		t.Errorf("epochs %v and %v", a, b)
	}
	t.Logf("%d ranges, %d items, from %v to %v", p.Ranges, p.Items, base.Position, p.Until.Position)
}

// follow is some entry after an end.
func follow(m history.Mark) history.Stored {
	return history.Stored{Entry: history.Entry{Position: m.Position}}
}

func TestSnapshot_OfAnIdleSenderIsConsistentAtItsLastRange(t *testing.T) {
	sender, w := open(t, t.TempDir(), Options{}), newWriter(t)
	commit(t, sender, w.began())
	for i := range 300 {
		commit(t, sender, load(w, i))
	}
	flush(t, sender)
	dir := t.TempDir()
	receiver := open(t, dir, Options{})
	if err := receiver.BeginSnapshot(sender.Applied()); err != nil {
		t.Fatal(err)
	}
	receiver = pull(t, sender, receiver, func(s *Store) *Store { return s })
	if _, ok := receiver.Receiving(); ok {
		t.Error("inconsistent")
	}
	if digest(t, sender) != digest(t, receiver) {
		t.Error("digests differ")
	}
	if err := receiver.Close(); err != nil {
		t.Fatal(err)
	}
	receiver = open(t, dir, Options{})
	if digest(t, sender) != digest(t, receiver) || receiver.PairTime() != sender.PairTime() {
		t.Error("digests differ after reopening")
	}
	next := w.put("s", "a", "after")
	commit(t, sender, next)
	commit(t, receiver, next)
}

func TestSnapshot_OfAnEmptySender(t *testing.T) {
	sender, receiver := open(t, t.TempDir(), Options{}), open(t, t.TempDir(), Options{})
	if err := receiver.BeginSnapshot(sender.Applied()); err != nil {
		t.Fatal(err)
	}
	receiver = pull(t, sender, receiver, func(s *Store) *Store { return s })
	if digest(t, sender) != digest(t, receiver) {
		t.Error("digests differ")
	}
}

func TestSnapshot_RefusesAnotherHistoryAtItsEnd(t *testing.T) {
	sender, w := open(t, t.TempDir(), Options{}), newWriter(t)
	commit(t, sender, w.began(), w.put("s", "a", "1"))
	base := flush(t, sender)
	receiver := open(t, t.TempDir(), Options{})
	if err := receiver.BeginSnapshot(base); err != nil {
		t.Fatal(err)
	}
	fork := *w
	commit(t, sender, w.put("s", "a", "2"))
	flush(t, sender)
	receiver = pull(t, sender, receiver, func(s *Store) *Store { return s })
	if err := receiver.Commit(fork.put("s", "a", "3")); !errors.Is(err, history.ErrDiverged) {
		t.Errorf("an entry that the copy does not hold: %v", err)
	}
	replay(t, sender, receiver)
}

func TestSnapshot_RefusesDamagedRanges(t *testing.T) {
	sender, w := open(t, t.TempDir(), Options{}), newWriter(t)
	commit(t, sender, w.began(), w.answered(history.RequestID{Terminal: "t", Counter: 3}, 2, "x"))
	base := flush(t, sender)
	receiver := open(t, t.TempDir(), Options{})
	if err := receiver.PutRange(Range{}); !errors.Is(err, ErrNotReceiving) {
		t.Errorf("range without a copy: %v", err)
	}
	if err := receiver.BeginSnapshot(base); err != nil {
		t.Fatal(err)
	}
	good, err := sender.SnapshotRange(nil, 0)
	if err != nil || len(good.Items) != 4 || !good.Done {
		t.Fatalf("%+v, %v", good, err)
	}
	for i := range good.Items {
		for what, change := range map[string]func(*layout.Item){
			"bucket": func(it *layout.Item) { it.Bucket = layout.BucketHistory },
			"key":    func(it *layout.Item) { it.Key = append([]byte{1}, it.Key...) },
			"no key": func(it *layout.Item) { it.Key = nil },
			"value": func(it *layout.Item) {
				it.Value = append(owned(it.Value[:len(it.Value)-1]), it.Value[len(it.Value)-1]^1)
			},
			"nothing": func(it *layout.Item) { it.Value = nil },
		} {
			bad := good
			bad.Items = append([]layout.Item(nil), good.Items...)
			change(&bad.Items[i])
			if err := receiver.PutRange(bad); !errors.Is(err, ErrMalformed) {
				t.Errorf("item %d with another %s, wrong checksum: %v", i, what, err)
			}
			if bad.Check, err = bad.sum(); err != nil {
				t.Fatal(err)
			}
			if err := receiver.PutRange(bad); !errors.Is(err, ErrMalformed) {
				t.Errorf("item %d with another %s, right checksum: %v", i, what, err)
			}
		}
	}
	if err := receiver.PutRange(good); err != nil {
		t.Fatal(err)
	}
	if _, err := sender.SnapshotRange([]byte{200, 'x'}, 0); !errors.Is(err, ErrMalformed) {
		t.Errorf("a cursor that is none: %v", err)
	}
}

func FuzzDecodeRange(f *testing.F) {
	r := Range{From: cursor("answers", []byte("k")), Items: []layout.Item{{Bucket: "data/s", Key: []byte("k"), Value: layout.DataValue([]byte("k"), 3, []byte("v"))}}}
	raw, err := r.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := DecodeRange(raw)
		if err != nil {
			return
		}
		_ = r.validate(&layout.SnapshotProgress{})
		for i := range r.Items {
			_ = r.Items[i].Validate() // also behind a wrong checksum
		}
		_, _, _ = parseCursor(r.Next)
	})
}
