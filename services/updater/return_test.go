package updater

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/divergent"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/position"
)

// Each test is one way in which a host comes back, what must come of it, and why nothing is lost by it.

// equal waits until both hosts have applied the same history.
func equal(a, b *host) {
	a.t.Helper()
	at := a.facts().Position // the last heartbeat may be older
	last := a.await("all applied", func(s bus.UpdaterState) bool { return s.Committed == at && s.Applied == at })
	b.await("the same history", func(s bus.UpdaterState) bool { return s.Applied == last.Committed && s.Digest == last.Digest })
}

// solo makes a serving host go on without the other.
func (h *host) solo(epoch uint64) {
	h.t.Helper()
	ordered(h, bus.CallRequire, bus.Require{Epoch: epoch})
}

func (h *host) puts(epoch uint64, n int, text string) {
	h.t.Helper()
	for i := range n {
		h.put(epoch, fmt.Sprintf("%s-%d", text, i), text)
	}
}

func (h *host) facts() bus.Facts { return ordered(h, bus.CallFacts, bus.FactsRequest{}) }

// member gives a pair its id, as the first record does.
func member(hosts ...*host) {
	for _, h := range hosts {
		ordered(h, bus.CallNote, bus.Note{PairID: "pair"})
	}
}

// TestReturn_BehindByLittle: the history reaches back to where the host ended, so it gets what it lacks and no copy.
func TestReturn_BehindByLittle(t *testing.T) {
	a, b := pairServing(t)
	a.puts(1, 5, "together")
	b.stop()
	a.solo(1)
	a.puts(1, 50, "alone")
	b.start()
	a.await("the other host is brought up", func(s bus.UpdaterState) bool {
		if s.Peer == bus.PeerReceiving {
			t.Fatal("it is copied")
		}
		return s.Peer == bus.PeerClose
	})
	a.pairUp(1)
	a.puts(1, 1, "after")
	equal(a, b)
}

// hostAhead leaves a with an update in its journal that nobody else has and that was never acknowledged; b serves epoch 2.
func hostAhead(t *testing.T) (a, b *host, lost <-chan bus.DatabaseReply) {
	a, b = newHosts(t)
	a.start()
	b.start()
	a.lead(1, false)
	member(a, b)
	a.pairUp(1)
	a.puts(1, 5, "together")
	equal(a, b)
	b.stop()
	lost = a.begin(request{ID: drafttest.Counter(1), Epoch: 1, Operations: []bus.Operation{drafttest.Put("x", "lost")}})
	a.await("only its own journal has it", func(s bus.UpdaterState) bool { return s.FramesInFlight == 1 && !s.OwnStuck && s.Position.Sequence == 7 })
	a.stop()
	b.start()
	b.lead(2, false)
	b.puts(2, 3, "elsewhere")
	return a, b, lost
}

// TestReturn_AheadIsKeptAsDivergent: what only the returning host has is kept in a file that can be read, counted in its state, and gone
// from what it serves; its terminal was told nothing but that the outcome is unknown (R10).
func TestReturn_AheadIsKeptAsDivergent(t *testing.T) {
	a, b, lost := hostAhead(t)
	if r := receive(t, "the outcome", lost); r.Code != bus.CodeUnknown {
		t.Errorf("the update that was never committed was answered: %+v", r)
	}
	a.start()
	b.pairUp(2)
	b.puts(2, 1, "after")
	equal(b, a)
	a.await("the count", func(s bus.UpdaterState) bool { return s.Divergent == 1 })
	paths, err := divergent.List(a.config.Data)
	if err != nil || len(paths) != 1 {
		t.Fatalf("files of divergent updates: %v, %v", paths, err)
	}
	file, err := divergent.Read(paths[0])
	if err != nil || len(file.Records) != 1 || !strings.Contains(string(file.Records[0]), "lost") {
		t.Fatalf("kept as divergent: %+v, %v", file, err)
	}
	// The count outlives the process.
	a.stop()
	a.start()
	a.await("the count after a restart", func(s bus.UpdaterState) bool { return s.Divergent == 1 && s.DivergentCommitted == 0 })
}

// TestReturn_V10DiscardedTailIsNeverSaidDone: later that host is active again, and the same request comes: it was discarded, so it is
// executed, and not answered from what the discarded tail had recorded.
func TestReturn_V10DiscardedTailIsNeverSaidDone(t *testing.T) {
	a, b, _ := hostAhead(t)
	a.start()
	b.pairUp(2)
	equal(b, a)
	b.stop()
	a.lead(3, false)
	if got := a.get("x"); strings.Contains(got, "lost") {
		t.Errorf("x is %s", got)
	}
	r := receive(t, "the answer", a.begin(request{ID: drafttest.Counter(1), Epoch: 3, Operations: []bus.Operation{drafttest.Put("x", "again")}}))
	if r.Code != bus.CodeOK || r.Recorded != nil || r.Position.Epoch != 3 {
		t.Errorf("the request of the discarded tail was answered %+v", r)
	}
	if got := a.get("x"); !strings.HasPrefix(got, "again@") {
		t.Errorf("x is %s", got)
	}
	page := ordered(a, bus.CallHistory, bus.HistoryRequest{})
	for _, u := range page.Updates {
		if u.Position.Sequence == 7 && u.Position.Epoch != 2 {
			t.Errorf("the history has the discarded update: %+v", u)
		}
	}
}

// TestReturn_V10NotPromotedInTheMiddle: a host in the middle of its repair by a copy is fit for nothing, in this life and the next, and
// keeps the note of it over restarts.
func TestReturn_V10NotPromotedInTheMiddle(t *testing.T) {
	_, b := newHosts(t)
	b.start()
	b.stop()
	own, err := facts.Open(b.config.Data, "b")
	check(t, err)
	check(t, own.Update(func(f *facts.Data) error { f.Receiving = &facts.SnapshotState{}; return nil }))
	for range 2 {
		b.start()
		if f := b.facts(); !f.Inconsistent {
			t.Errorf("facts: %+v", f)
		}
		if err := refused(b, bus.CallPrepare, bus.Prepare{Epoch: 1}); !strings.Contains(err.Error(), errInconsistent.Error()) {
			t.Errorf("refused with %v", err)
		}
		b.stop()
	}
}

// TestReturn_EmptyDirectory: a host whose directory was emptied has another identity, holds nothing, and gets everything.
// The identity is its own: the other one's does not come with the data (V11 i).
func TestReturn_EmptyDirectory(t *testing.T) {
	a, b := pairServing(t)
	a.puts(1, 5, "together")
	was := b.facts()
	b.stop()
	a.solo(1)
	own := a.facts()
	a.stop() // or it brings b up before b's facts are seen
	b.config.Data = t.TempDir()
	b.start()
	f := b.facts()
	if f.Identity == was.Identity || f.Identity == own.Identity || f.PairID != "" || f.Note != (membership.Note{}) || !f.Empty {
		t.Fatalf("facts of an empty directory: %+v", f)
	}
	a.start()
	a.serve(bus.Serve{Epoch: 1, RecordVersion: 1, Resume: true})
	a.pairUp(1)
	a.puts(1, 1, "after")
	equal(a, b)
	if now := b.facts(); now.Identity != f.Identity {
		t.Errorf("the identity became %s, it was %s", now.Identity, f.Identity)
	}
}

// TestReturn_V11OlderDataRestored: a backup of the data directory is put back. It keeps the note of its time, which the record is
// beyond, so nobody promotes it; it is brought up like any host that is behind.
func TestReturn_V11OlderDataRestored(t *testing.T) {
	a, b := pairServing(t)
	a.puts(1, 5, "before the backup")
	equal(a, b)
	b.stop()
	backup := filepath.Join(t.TempDir(), "backup")
	if err := os.CopyFS(backup, os.DirFS(b.config.Data)); err != nil {
		t.Fatal(err)
	}
	note := membership.Note{Version: 2, Epoch: 1}
	a.solo(1)
	b.start()
	ordered(a, bus.CallRequire, bus.Require{Peer: true, Epoch: 1, Membership: membership.Note{Version: 4, Epoch: 1}})
	a.puts(1, 20, "after the backup")
	if f := b.facts(); f.Note.Version != 4 {
		t.Fatalf("note %+v", f.Note)
	}
	b.stop()
	a.solo(1)
	b.config.Data = backup
	b.start()
	if f := b.facts(); f.Note != note {
		t.Errorf("the restored note is %+v, the record's version 4", f.Note)
	}
	a.pairUp(1)
	a.puts(1, 1, "after")
	equal(a, b)
}

// TestReturn_DamagedDatabaseFile: a database file that is none any more is named and left alone; nothing is served or taken from
// it. Put away, the host comes back with what its partner holds, and is out of the set until then (V11).
func TestReturn_DamagedDatabaseFile(t *testing.T) {
	a, b := pairServing(t)
	member(a, b)
	a.puts(1, 20, "together")
	equal(a, b)
	b.stop()
	a.solo(1)
	a.puts(1, 5, "alone")
	path := filepath.Join(b.config.Data, storage.DatabaseName)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := make([]byte, info.Size())
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	u := newUpdater(b.config, b.log)
	if err := u.run(t.Context()); err == nil || !strings.Contains(err.Error(), path) {
		t.Fatalf("a damaged database: %v", err)
	}
	if kept, err := os.ReadFile(path); err != nil || len(kept) != len(damaged) {
		t.Fatalf("the damaged file was touched: %d bytes, %v", len(kept), err)
	}
	if err := os.Rename(path, path+".damaged"); err != nil {
		t.Fatal(err)
	}
	b.start()
	if f := b.facts(); !f.Note.Out {
		t.Errorf("a host without its database may still be promoted: %+v", f)
	}
	a.pairUp(1)
	a.puts(1, 1, "after")
	equal(a, b)
	if f := b.facts(); f.Note.Out {
		t.Errorf("brought up, it is still out: %+v", f)
	}
}

// TestReturn_V11DamagedJournalIsNotPromoted: the journal of a host in the set lost acknowledged updates while it was down. One that
// is gone or was made anew is noticed by the host alone: it notes that it is out. One that only ends too early is noticed
// by the position that its main has heard of. The other host brings it up, and it is a member again.
func TestReturn_V11DamagedJournalIsNotPromoted(t *testing.T) {
	for _, c := range []struct {
		name   string
		heard  bool // main lives and knows what was acknowledged
		damage func(t *testing.T, journal string)
	}{
		{"truncated", true, func(t *testing.T, journal string) {
			path := lastBlock(t, journal)
			info, err := os.Stat(path)
			check(t, err)
			check(t, os.Truncate(path, info.Size()/3))
		}},
		{"bits flipped", true, func(t *testing.T, journal string) {
			path := lastBlock(t, journal)
			raw, err := os.ReadFile(path)
			check(t, err)
			for i := len(raw) / 2; i < len(raw); i += 100 {
				raw[i] ^= 0x55
			}
			check(t, os.WriteFile(path, raw, 0o600))
		}},
		{"deleted", false, func(t *testing.T, journal string) { check(t, os.RemoveAll(journal)) }},
		{"re-created", false, func(t *testing.T, journal string) { check(t, os.RemoveAll(filepath.Join(journal, "stream"))) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := newHosts(t)
			a.start()
			process := b.spawn()
			a.lead(1, false)
			member(a, b)
			a.pairUp(1)
			acked := a.working(1, 400, func() { b.kill(process) }) // the last of it is in its journal only
			a.stop()
			c.damage(t, filepath.Join(b.config.Data, journalDirectory))
			b.start()
			prepare := func() error {
				q := bus.Prepare{Epoch: 2}
				if c.heard {
					q.AtLeast = acked
				}
				_, err := tryOrder(b, bus.CallPrepare, q, patience)
				return err
			}
			unfit, f := prepare(), b.facts()
			t.Logf("holds %v of %v, unfit: %v, out: %t", f.Position, acked, unfit, f.Note.Out)
			if !f.Position.Before(acked) {
				t.Fatal("the damage took nothing away")
			}
			if unfit == nil && !f.Note.Out {
				t.Fatal("it would serve without what was acknowledged")
			}
			b.release()
			a.start()
			a.lead(2, false)
			a.pairUp(2)
			a.puts(2, 1, "after")
			equal(a, b)
			if f := b.facts(); f.Note.Out {
				t.Errorf("brought up, it is still out: %+v", f)
			}
		})
	}
}

// working lets updates run, does something after so many of them while they run, and gives the last position acknowledged.
func (h *host) working(epoch uint64, after int, do func()) position.Position {
	h.t.Helper()
	var last position.Position
	enough, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			select {
			case r := <-h.begin(request{Epoch: epoch, Operations: []bus.Operation{drafttest.Put(fmt.Sprint("k", n), "v")}}):
				if r.Code == bus.CodeOK {
					last = r.Position
				}
			case <-time.After(time.Second): // the other host is dead
				return
			}
			if n == after {
				close(enough)
			}
		}
	}()
	receive(h.t, "the acknowledgements", enough)
	do()
	<-done
	return last
}

func (h *host) release() { ordered(h, bus.CallRelease, bus.Release{}) }

// lastBlock is the file of the journal's newest messages. What the server would rather believe is removed.
func lastBlock(t *testing.T, journal string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(journal, "stream", "jetstream", "*", "streams", "*", "msgs", "*"))
	check(t, err)
	var last string
	for _, path := range found {
		if filepath.Ext(path) == ".blk" {
			last = max(last, path)
		} else {
			check(t, os.RemoveAll(path))
		}
	}
	if last == "" {
		t.Fatalf("no block in %v", found)
	}
	return last
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
