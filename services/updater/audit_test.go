package updater

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/position"
)

// acknowledged makes an update as a terminal asks for it and gives the receipt of it.
func (h *host) acknowledged(epoch uint64, id bus.RequestID, oldest uint64) bus.AuditReceipt {
	h.t.Helper()
	r := receive(h.t, "the answer of "+h.name, h.begin(request{
		Epoch: epoch, ID: id, Oldest: oldest, Operations: []bus.Operation{drafttest.Put(fmt.Sprintf("%s/%d%s", id.Terminal, id.Counter, id.App), "v")},
	}))
	if r.Code != bus.CodeOK {
		h.t.Fatalf("%s: %d %s", h.name, r.Code, r.Message)
	}
	return bus.AuditReceipt{Terminal: id.Terminal, Counter: id.Counter, App: id.App, Position: r.Position}
}

func (h *host) audit(epoch uint64, receipts ...bus.AuditReceipt) bus.AuditedReceipts {
	h.t.Helper()
	return ordered(h, bus.CallAudit, bus.AuditReceipts{Epoch: epoch, Receipts: receipts})
}

func (h *host) refusesAudit(epoch uint64, receipts ...bus.AuditReceipt) {
	h.t.Helper()
	refused(h, bus.CallAudit, bus.AuditReceipts{Epoch: epoch, Receipts: receipts})
}

// TestAudit_LooksInBoltAndOverlay: a receipt is there only if its very update is, wherever that is kept at the moment.
func TestAudit_LooksInBoltAndOverlay(t *testing.T) {
	a, _ := newHosts(t)
	a.start()
	a.refusesAudit(1) // as a standby
	a.lead(1, false)
	var receipts []bus.AuditReceipt
	for n := range uint64(20) {
		receipts = append(receipts, a.acknowledged(1, bus.RequestID{Terminal: "t", Counter: n + 1}, 0))
	}
	want := func(what string, r bus.AuditedReceipts, present, missing, unprovable int) {
		t.Helper()
		if r.Present != present || r.Missing != missing || r.Unprovable != unprovable {
			t.Errorf("%s: %+v", what, r)
		}
	}
	want("committed, perhaps not applied", a.audit(1, receipts...), 20, 0, 0)
	last := receipts[19].Position
	a.await("applied", func(s bus.UpdaterState) bool { return s.Applied == last })
	receipts = append(receipts, a.acknowledged(1, bus.RequestID{Terminal: "t", Counter: 21}, 0))
	want("applied, and one more", a.audit(1, receipts...), 21, 0, 0)

	wrong := func(change func(*bus.AuditReceipt)) bus.AuditReceipt {
		r := receipts[3]
		change(&r)
		return r
	}
	want("what is not so", a.audit(1, receipts[3],
		wrong(func(r *bus.AuditReceipt) { r.Terminal = "u" }),
		wrong(func(r *bus.AuditReceipt) { r.Counter++ }),
		wrong(func(r *bus.AuditReceipt) { r.Position.Sequence++ }),
		wrong(func(r *bus.AuditReceipt) { r.Position.Epoch++ }),
		wrong(func(r *bus.AuditReceipt) { r.Position.Sequence = 1 }), // the entry that began the epoch
		wrong(func(r *bus.AuditReceipt) { r.Position.Sequence = 1000 }),
	), 1, 6, 0)
	anonymous := a.put(1, "x", "1")
	want("a service that commits without the id", a.audit(1, bus.AuditReceipt{Terminal: "t", Counter: 30, Position: anonymous.Position}), 0, 0, 1)
	a.refusesAudit(2, receipts...)
	a.refusesAudit(1, make([]bus.AuditReceipt, bus.MaxAudited+1)...)
}

// TestAudit_OlderThanHistory: what the history no longer reaches is proved by the recorded answer, or not at all.
func TestAudit_OlderThanHistory(t *testing.T) {
	a, _ := newHosts(t)
	a.config.HistoryMaxUpdates = 5
	a.start()
	a.lead(1, false)
	issued := time.Now().UTC().Format(time.RFC3339Nano)
	byApp := a.acknowledged(1, bus.RequestID{Terminal: "t", App: issued + "/x"}, 0)
	answered := a.acknowledged(1, bus.RequestID{Terminal: "t", Counter: 1}, 1)
	for n := uint64(2); n <= 40; n++ {
		last := a.acknowledged(1, bus.RequestID{Terminal: "t", Counter: n}, n)
		if n%10 == 0 {
			a.await("applied", func(s bus.UpdaterState) bool { return s.Applied == last.Position })
		}
	}
	page := ordered(a, bus.CallHistory, bus.HistoryRequest{})
	if page.First <= answered.Position.Sequence {
		t.Fatalf("the history begins at %d", page.First)
	}
	moved := byApp
	moved.Position.Sequence--
	if r := a.audit(1, byApp, answered, moved); r.Present != 1 || r.Unprovable != 1 || r.Missing != 1 || r.Examples[0] != moved {
		t.Errorf("got %+v", r)
	}
}

// TestAudit_FindsARemovedEntry: an entry is taken out of the database of both hosts while they are down. The host that
// serves next finds the hole; an honest history next to it is not blamed.
func TestAudit_FindsARemovedEntry(t *testing.T) {
	a, b := newHosts(t)
	a.start()
	b.start()
	a.lead(1, false)
	a.pairUp(1)
	var receipts []bus.AuditReceipt
	for n := range uint64(30) {
		receipts = append(receipts, a.acknowledged(1, bus.RequestID{Terminal: "t", Counter: n + 1}, 0))
	}
	last := receipts[29].Position
	b.await("all is there", func(s bus.UpdaterState) bool { return s.Committed == last })
	a.stop()
	b.stop()
	gone := receipts[12]
	for _, h := range []*host{a, b} {
		removeEntry(t, h.config.Data, gone.Position)
	}
	b.start()
	if got := b.lead(2, false); got.Sequence != last.Sequence+1 {
		t.Fatalf("serves from %v", got)
	}
	r := b.audit(2, receipts...)
	// The entry after the hole can't be held against the chain any more, so it is not shown to be there either.
	if r.Missing != 2 || r.Present != 28 || r.Examples[0] != gone || r.Examples[1] != receipts[13] {
		t.Errorf("got %+v", r)
	}
}

// removeEntry takes one entry out of the history of a database that nobody has open.
func removeEntry(t testing.TB, dir string, at position.Position) {
	t.Helper()
	db, err := bolt.Open(filepath.Join(dir, storage.DatabaseName), 0o600, &bolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bolt.Tx) error {
		history, key := tx.Bucket([]byte("history")), binary.BigEndian.AppendUint64(nil, at.Sequence)
		if history.Get(key) == nil {
			return fmt.Errorf("%v: %w", at, os.ErrNotExist)
		}
		return history.Delete(key)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAudit_FindsALostTail: both hosts come back with a database and a journal from before the last updates, as from
// disks that lie about fsync. The positions are given out again, to other updates; what was told to terminals is missing.
func TestAudit_FindsALostTail(t *testing.T) {
	a, _ := newHosts(t)
	a.start()
	a.lead(1, false)
	kept := a.acknowledged(1, bus.RequestID{Terminal: "t", Counter: 1}, 0)
	a.stop()
	old := t.TempDir()
	if err := os.CopyFS(old, os.DirFS(a.config.Data)); err != nil {
		t.Fatal(err)
	}
	a.start()
	a.lead(2, false)
	lost := a.acknowledged(2, bus.RequestID{Terminal: "t", Counter: 2}, 0)
	a.stop()
	a.config.Data = old
	a.start()
	a.lead(2, false)
	a.acknowledged(2, bus.RequestID{Terminal: "t", Counter: 3}, 0)
	if r := a.audit(2, kept, lost); r.Present != 1 || r.Missing != 1 || r.Examples[0] != lost {
		t.Errorf("got %+v", r)
	}
}
