package inspection

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/divergent"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// chronicle is a store with a history of so many updates, of which each tenth is of one key.
func chronicle(t *testing.T, updates int, o storage.Options) *storage.Store {
	t.Helper()
	store, err := storage.Open(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	var end history.Mark
	for n := 1; n <= updates; n++ {
		e := history.Entry{Position: position.Position{Epoch: 1, Sequence: uint64(n)}, Time: int64(n), Kind: history.KindUpdate, Space: "kv",
			Effects: []history.Effect{{Key: []byte(fmt.Sprint("key ", n%10)), Value: []byte("v")}}}
		if n == 1 {
			e = history.Entry{Position: e.Position, Time: 1, Kind: history.KindBegan, Host: "a", Identity: "x"}
		}
		stored, err := history.NewStored(end.Digest, e)
		if err == nil {
			err = store.Commit(stored)
		}
		if err != nil {
			t.Fatal(err)
		}
		if end = stored.Mark(); n%1000 == 0 {
			if _, err := store.Flush(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	return store
}

// Asking for one key finds all of its updates, each once, from either end, however many questions it takes.
func TestHistory_OfOneKeyIsComplete(t *testing.T) {
	const updates = 25_000
	s := chronicle(t, updates, storage.Options{})
	check := func(what string, found []bus.HistoryUpdate, first, last uint64) {
		t.Helper()
		if len(found) != int(last-first)/10+1 {
			t.Fatalf("%s: %d updates", what, len(found))
		}
		for i, u := range found {
			if u.Position.Sequence != first+uint64(10*i) || len(u.Keys) != 1 || u.Keys[0] != "key 7" {
				t.Fatalf("%s: update %d is %+v", what, i, u)
			}
		}
	}
	var forward, backward []bus.HistoryUpdate
	questions := 0
	for from := uint64(1); from > 0; questions++ {
		page := pageOf(t, s, bus.HistoryRequest{From: from, Key: "key 7", Limit: 900})
		forward, from = append(forward, page.Updates...), page.Next
	}
	check("forward", forward, 7, updates-3)
	for before, more := uint64(0), true; more; questions++ {
		page := pageOf(t, s, bus.HistoryRequest{Before: before, Key: "key 7", Limit: 900})
		backward, before, more = append(page.Updates, backward...), page.Prior, page.Prior > 0
	}
	check("backward", backward, 7, updates-3)
	if questions < 6 || questions > 12 {
		t.Errorf("%d questions", questions)
	}
	if page := pageOf(t, s, bus.HistoryRequest{Key: "key 7", Limit: 3}); len(page.Updates) != 3 || page.Updates[2].Position.Sequence != updates-3 || page.Prior == 0 {
		t.Errorf("the last three: %+v", page)
	}
	if page := pageOf(t, s, bus.HistoryRequest{Service: "ledger", Limit: 3}); len(page.Updates) != 0 || page.Prior == 0 {
		t.Errorf("of a service that wrote nothing: %+v", page)
	}
	if page := pageOf(t, s, bus.HistoryRequest{Before: 11, Limit: 4}); len(page.Updates) != 4 || page.Updates[0].Position.Sequence != 7 {
		t.Errorf("before a sequence: %+v", page)
	}
	if page := pageOf(t, s, bus.HistoryRequest{Before: 3, Limit: 50}); len(page.Updates) != 2 {
		t.Errorf("before the third: %d", len(page.Updates))
	}
}

func pageOf(t *testing.T, s *storage.Store, q bus.HistoryRequest) bus.HistoryPage {
	t.Helper()
	page, err := historyPage(t.Context(), s, q)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func divergentPageOf(t *testing.T, dir string, q bus.DivergentRequest) bus.DivergentPage {
	t.Helper()
	page, err := divergentOf(dir, q)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestHistory_OfAKeyBeyondTrimming(t *testing.T) {
	s := chronicle(t, 5000, storage.Options{MaxUpdates: 500})
	page := pageOf(t, s, bus.HistoryRequest{Key: "key 3", Limit: 1000})
	if page.Prior != 0 || page.First < 2 || len(page.Updates) == 0 || page.Updates[0].Position.Sequence < page.First {
		t.Errorf("%d updates from %d on, prior %d", len(page.Updates), page.First, page.Prior)
	}
	if page := pageOf(t, s, bus.HistoryRequest{From: 1, Key: "key 3", Limit: 10}); len(page.Updates) != 10 {
		t.Errorf("from before the first: %+v", page)
	}
}

// What was kept as divergent is listed and read, record for record; a name leads nowhere else.
func TestDivergent_IsListedAndRead(t *testing.T) {
	dir := t.TempDir()
	if page := divergentPageOf(t, dir, bus.DivergentRequest{}); len(page.Files) != 0 {
		t.Fatalf("of an empty directory: %+v", page)
	}
	var records [][]byte
	for n := range 5 {
		e := history.Entry{Position: position.Position{Epoch: 2, Sequence: uint64(10 + n)}, Kind: history.KindUpdate, Time: 1, Space: "kv",
			Effects: []history.Effect{{Key: []byte("k"), Value: []byte("v")}}}
		raw, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, raw)
	}
	records = append(records, []byte("what no program can read"))
	path, err := divergent.Write(dir, "for a test", records, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "000002.aside"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	all := divergentPageOf(t, dir, bus.DivergentRequest{})
	if len(all.Files) != 2 || all.Files[0].Records != 6 || all.Files[0].First != "2/10" || all.Files[0].Reason != "for a test" || all.Files[1].Problem == "" {
		t.Fatalf("listed are %+v", all.Files)
	}
	name := all.Files[0].Name
	first := divergentPageOf(t, dir, bus.DivergentRequest{File: name, Limit: 4})
	rest := divergentPageOf(t, dir, bus.DivergentRequest{File: name, From: first.Next, Limit: 4})
	if len(first.Updates) != 4 || first.Next != 4 || len(rest.Updates) != 2 || rest.Next != 0 || rest.Updates[1].Unreadable != len(records[5]) || first.Updates[0].Keys[0] != "k" {
		t.Errorf("read are %+v and %+v", first, rest)
	}
	for _, bad := range []string{"../facts.json", "000009.aside", "/etc/passwd"} {
		if page, err := divergentOf(dir, bus.DivergentRequest{File: bad}); !errors.Is(err, bus.ErrAbsent) || len(page.Updates) > 0 {
			t.Errorf("%s: %+v, %v", bad, page, err)
		}
	}
}

// A search rests as long as it looks, after each view: updates have the disk and the processor half of the time, where there is one processor too.
func TestFault_C11_ASearchRestsAsLongAsItLooks(t *testing.T) {
	const updates = 5_000
	s := chronicle(t, updates, storage.Options{})
	for what, q := range map[string]bus.HistoryRequest{"forward": {From: 1, Key: "nobody's"}, "backward": {Key: "nobody's"}} {
		rests, rested := 0, time.Duration(0)
		began := time.Now()
		_, err := historyOf(t.Context(), s, q, 1, func(_ context.Context, d time.Duration) error {
			rests++
			rested += d
			return nil
		})
		if looked := time.Since(began); err != nil || rests == 0 || rested < looked/2 || rested > looked {
			t.Errorf("%s: it looked for %s and rested %d times, for %s (%v)", what, looked, rests, rested, err)
		}
	}
}
