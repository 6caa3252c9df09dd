package archive

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/enrolment"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/offline"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/backup"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// backedUp gives a backup whose history reaches back for longer than a host keeps it by default.
func backedUp(t *testing.T, more ...history.Entry) string {
	t.Helper()
	return backedUpAs(t, "key", backup.Header{PairID: "pair"}, more...)
}

// backedUpAs is backedUp with a key and what a header says.
func backedUpAs(t *testing.T, key backup.Key, h backup.Header, more ...history.Entry) string {
	t.Helper()
	store, err := storage.Open(t.TempDir(), storage.Options{Host: "a", Identity: "first", KeepHistory: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var end history.Mark
	at := time.Unix(1_700_000_000, 0)
	commit := func(e history.Entry) {
		t.Helper()
		at = at.Add(3 * 24 * time.Hour)
		e.Time, e.Position = at.UnixNano(), position.Position{Epoch: 7, Sequence: end.Position.Sequence + 1}
		stored, err := history.NewStored(end.Digest, e)
		if err == nil {
			err = store.Commit(stored)
		}
		if err == nil {
			_, err = store.Flush(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		end = stored.Mark()
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
	commit(history.Entry{Kind: history.KindBegan, Host: "a", Identity: "first", RecordVersion: 1})
	h.Host, h.Made, h.Base = "a", at.UTC(), end
	add(w.Begin(h))
	r, err := store.SnapshotRange(nil, 1<<20)
	if err != nil || !r.Done {
		t.Fatal(r.Done, err)
	}
	add(w.Range(&r))
	for _, e := range more {
		commit(e)
	}
	for range 5 - len(more) {
		commit(history.Entry{Kind: history.KindUpdate, Space: "kv", Effects: []history.Effect{{Key: []byte("k"), Value: []byte("v")}}})
	}
	entries, err := store.Entries(2, 100, 0)
	if err != nil {
		t.Fatal(err)
	}
	add(w.Entries(entries))
	add(w.End(store.Committed(), r.Time))
	path := filepath.Join(t.TempDir(), "pair.backup")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFault_A14_FinishChangesNothingElse: what a restored directory is to be is said without the settings of its pair, and by root as a rule.
// Opened with bounds of its own the history lost what is older than a week, and files of root kept the host's user out.
func TestFault_A14_FinishChangesNothingElse(t *testing.T) {
	file := backedUp(t)
	for _, asCopy := range []bool{false, true} {
		dir := t.TempDir()
		if os.Geteuid() == 0 { // else everything is the user's anyway
			if err := os.Chown(dir, 4711, 4711); err != nil {
				t.Fatal(err)
			}
		}
		place := offline.Place{Dir: dir, Host: "a"}
		if _, err := (Files{}).Restore(t.Context(), offline.RestoreRequest{Place: place, File: file, Proof: offline.Proof{Key: "key"}}, func(string, float64) {}); err != nil {
			t.Fatal(err)
		}
		if r, err := Restored(dir); err != nil || r == nil || r.Position.Sequence != 6 {
			t.Fatalf("it was restored from %+v (%v)", r, err)
		}
		done, err := (Files{}).Finish(t.Context(), place, asCopy)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := Restored(dir); err != nil || r != nil || (done.PairID == "pair") == asCopy {
			t.Errorf("as a copy %v it is of pair %s, %+v (%v)", asCopy, done.PairID, r, err)
		}
		if _, err := (Files{}).Finish(t.Context(), place, asCopy); !errors.Is(err, operator.ErrRefused) {
			t.Errorf("finished again: %v", err)
		}
		owned(t, dir)
		own, err := facts.Read(dir)
		if err != nil || own.PairID != done.PairID {
			t.Fatalf("%+v, %v", own, err)
		}
		store, err := storage.Open(dir, storage.Options{Host: "a", Identity: own.Identity, KeepHistory: true})
		if err != nil {
			t.Fatal(err)
		}
		if first, last := store.First(), store.Applied().Position; first != 2 || last.String() != done.Position || last.Epoch > own.Epoch {
			t.Errorf("as a copy %v it holds updates %d to %v in epoch %d", asCopy, first, last, own.Epoch)
		}
		if err := errors.Join(store.Check(t.Context()), store.Close()); err != nil {
			t.Error(err)
		}
	}
}

// owned wants everything in a directory to belong to whom it belongs.
func owned(t *testing.T, dir string) {
	t.Helper()
	var want, names uint32
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		has, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return errors.New("no owner is known")
		}
		if names++; names == 1 {
			want = has.Uid
		}
		if has.Uid != want {
			t.Errorf("%s belongs to user %d, the directory to %d", path, has.Uid, want)
		}
		return nil
	})
	if err != nil || names < 4 { // facts, database, lock
		t.Error(names, err)
	}
}

// TestFinish_ACopyKnowsNoTerminalOfThePair: a copy has an authority of its own. A terminal that the old pair had enrolled would be kept out of it,
// for its key is another one there. What takes the pair's place knows whom it has enrolled, and who was withdrawn.
func TestFinish_ACopyKnowsNoTerminalOfThePair(t *testing.T) {
	file := backedUp(t, history.Entry{Kind: history.KindUpdate, Space: bus.SystemSpace, Effects: []history.Effect{
		{Key: []byte(enrolment.Key), Value: []byte(`{"total":2}`)},
		{Key: []byte(enrolment.Key + "/till-7"), Value: []byte(`{"key":"` + strings.Repeat("ab", 32) + `"}`)},
		{Key: []byte(enrolment.Key + "/till-8"), Value: []byte(`{"withdrawn":"2026-05-03T00:00:00Z"}`)},
	}})
	for asCopy, want := range map[bool]int{false: 2, true: 0} {
		place := offline.Place{Dir: t.TempDir(), Host: "a"}
		if _, err := (Files{}).Restore(t.Context(), offline.RestoreRequest{Place: place, File: file, Proof: offline.Proof{Key: "key"}}, func(string, float64) {}); err != nil {
			t.Fatal(err)
		}
		if _, err := (Files{}).Finish(t.Context(), place, asCopy); err != nil {
			t.Fatal(err)
		}
		own, err := facts.Read(place.Dir)
		if err != nil {
			t.Fatal(err)
		}
		store, err := storage.Open(place.Dir, storage.Options{Host: "a", Identity: own.Identity, KeepHistory: true})
		if err != nil {
			t.Fatal(err)
		}
		err = store.View(func(r *storage.Reader) error {
			if items, _ := r.Scan(bus.SystemSpace, []byte(enrolment.Key+"/"), nil, 10, 0); len(items) != want {
				t.Errorf("as a copy %v it knows %d terminals, want %d", asCopy, len(items), want)
			}
			return nil
		})
		if err := errors.Join(err, store.Close()); err != nil {
			t.Error(err)
		}
	}
}
