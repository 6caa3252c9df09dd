package storage

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// hour is a pair time for tests: far from zero, in nanoseconds.
const noon = int64(1_700_000_000) * int64(time.Second)

// Numbers of bolt's file format, for tests that damage a file.
const (
	pageHeader = 16
	flagBranch = 0x01
)

// writer makes entries that chain on.
type writer struct {
	tb   testing.TB
	end  history.Mark
	time int64
	// retention, if not 0, has each entry forget what is older.
	retention time.Duration
}

func newWriter(tb testing.TB) *writer { return &writer{tb: tb, time: noon} }

// keeping is a writer that forgets answers under ids of apps.
func keeping(tb testing.TB, retention time.Duration) *writer {
	w := newWriter(tb)
	w.retention = retention
	return w
}

// next gives an entry its place and stores it.
func (w *writer) next(e history.Entry) history.Stored {
	w.tb.Helper()
	e.Position = position.Position{Epoch: w.end.Position.Epoch, Sequence: w.end.Position.Sequence + 1}
	if e.Kind == 0 {
		e.Kind = history.KindUpdate
	}
	if e.Kind == history.KindBegan {
		e.Position.Epoch++
	}
	w.time += int64(time.Millisecond)
	e.Time = w.time
	if w.retention > 0 {
		e.Forgotten = w.time - int64(w.retention)
	}
	s, err := history.NewStored(w.end.Digest, e)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.end = s.Mark()
	return s
}

// began opens an epoch.
func (w *writer) began() history.Stored {
	return w.next(history.Entry{Kind: history.KindBegan, Host: "a", Identity: "identity of a", RecordVersion: w.end.Position.Epoch + 1})
}

// put is an update of keys and values in turn; a nil value deletes.
func (w *writer) put(space string, pairs ...string) history.Stored {
	e := history.Entry{Space: space}
	for i := 0; i < len(pairs); i += 2 {
		e.Effects = append(e.Effects, history.Effect{Key: []byte(pairs[i]), Value: []byte(pairs[i+1])})
	}
	return w.next(e)
}

// drop is an update that deletes keys.
func (w *writer) drop(space string, keys ...string) history.Stored {
	e := history.Entry{Space: space}
	for _, k := range keys {
		e.Effects = append(e.Effects, history.Effect{Key: []byte(k), Delete: true})
	}
	return w.next(e)
}

// answered is an update of a request with an answer.
func (w *writer) answered(id history.RequestID, oldest uint64, body string) history.Stored {
	return w.next(history.Entry{
		Space: "s", Effects: []history.Effect{{Key: []byte("k"), Value: []byte(body)}},
		Request: id, Oldest: oldest, HasAnswer: true, Answer: history.Answer{Body: []byte(body)},
	})
}

// open opens a store that is closed, and checked by bolt's own means, when the test ends.
func open(tb testing.TB, dir string, o Options) *Store {
	tb.Helper()
	s, err := Open(dir, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		s.mu.RLock()
		ended := s.closed || s.dead != nil
		s.mu.RUnlock()
		if !ended {
			checkAll(tb, s)
		}
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// checkAll runs our check and bolt's own.
func checkAll(tb testing.TB, s *Store) {
	tb.Helper()
	if err := s.Check(context.Background()); err != nil {
		tb.Error(err)
	}
	s.writing.Lock() // bolt's check must not run beside a writer
	defer s.writing.Unlock()
	err := s.db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			tb.Error("bolt:", err)
		}
		return nil
	})
	if err != nil {
		tb.Error(err)
	}
}

func commit(tb testing.TB, s *Store, entries ...history.Stored) {
	tb.Helper()
	if err := s.Commit(entries...); err != nil {
		tb.Fatal(err)
	}
}

func flush(tb testing.TB, s *Store) history.Mark {
	tb.Helper()
	m, err := s.Flush(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func digest(tb testing.TB, s *Store) history.Digest {
	tb.Helper()
	d, _, err := s.DatabaseDigest()
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// get reads one key as "value@revision", "" when absent.
func get(tb testing.TB, s *Store, space, key string) string {
	tb.Helper()
	found := ""
	err := s.View(func(r *Reader) error {
		if v, revision, ok := r.Get(space, []byte(key)); ok {
			found = fmt.Sprintf("%s@%d", v, revision)
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

// look asks for a recorded answer.
func look(tb testing.TB, s *Store, id history.RequestID) (a history.Answer, l Lookup) {
	tb.Helper()
	err := s.View(func(r *Reader) error {
		a, _, l = r.Answer(id)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return a, l
}
