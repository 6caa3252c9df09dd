package updater

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/backup"
)

// backUp takes a whole backup of a host into a file.
func (h *host) backUp() (path string, at bus.BackupPage) {
	h.t.Helper()
	return h.backUpFrom(ordered(h, bus.CallBackup, bus.BackupOrder{}))
}

// backUpFrom takes the rest of a backup whose first page is there.
func (h *host) backUpFrom(page bus.BackupPage) (path string, at bus.BackupPage) {
	h.t.Helper()
	path = filepath.Join(h.t.TempDir(), "of-"+h.name)
	file, err := os.Create(path)
	if err != nil {
		h.t.Fatal(err)
	}
	defer file.Close()
	for piece := uint64(1); ; piece++ {
		if _, err := file.Write(page.Bytes); err != nil {
			h.t.Fatal(err)
		}
		if page.Last {
			return path, page
		}
		page = ordered(h, bus.CallBackup, bus.BackupOrder{Session: page.Session, Piece: piece})
	}
}

// proof is what proves a backup of these hosts.
func proof() backup.Proof { return backup.Proof{Key: backup.Key(config.BackupKey("0123456789abcdef"))} }

// A backup of either host is whole, while updates go on and are not held up; and what is restored is no member.
func TestBackup_OfEitherHostWhileUpdatesGoOn(t *testing.T) {
	a, b := newHosts(t)
	a.start()
	b.start()
	a.lead(1, false)
	a.pairUp(1)
	for i := range 200 {
		a.put(1, fmt.Sprintf("k%03d", i), fmt.Sprintf("%0*d", 8000, i)) // several pieces
	}
	stop := a.overloaded(1)
	for _, h := range []*host{a, b} {
		before := h.await("something is applied", func(s bus.UpdaterState) bool { return s.Applied.Sequence > 200 }).Applied
		path, last := h.backUp()
		summary, err := backup.Check(t.Context(), path, proof(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if summary.Host != h.name || summary.Position != last.Position.String() || last.Position.Before(before) || summary.Ranges < 3 {
			t.Errorf("the backup of %s holds %+v", h.name, summary)
		}
	}

	// Sessions are bounded, in order, and can be given up.
	first := ordered(a, bus.CallBackup, bus.BackupOrder{})
	second := ordered(a, bus.CallBackup, bus.BackupOrder{})
	for what, q := range map[string]bus.BackupOrder{"a third at the same time": {}, "a piece out of turn": {Session: first.Session, Piece: 2}} {
		if err := refused(a, bus.CallBackup, q); !errors.Is(err, bus.ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, s := range []string{first.Session, second.Session} {
		ordered(a, bus.CallBackup, bus.BackupOrder{Session: s, Abandon: true})
		refused(a, bus.CallBackup, bus.BackupOrder{Session: s, Piece: 1})
	}
	path, last := a.backUp()
	t.Logf("the slowest update beside the backups took %v", stop())
	a.stop()
	b.stop()

	// A host restored from it has its data, and nothing that lets it serve.
	c := newHost(t, "c", processtest.Address(t), processtest.Address(t))
	if err := os.Remove(c.config.Data); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Restore(context.Background(), backup.RestoreConfig{File: path, Proof: proof(), Dir: c.config.Data, Host: "c"}); err != nil {
		t.Fatal(err)
	}
	c.start()
	f := ordered(c, bus.CallFacts, bus.FactsRequest{})
	if f.Empty || f.Inconsistent || f.Position != last.Position || f.Epoch != 1 || !f.Note.Out || f.Note.Version != 0 {
		t.Errorf("facts of the restored host: %+v", f)
	}
	// By force it serves, in a higher epoch.
	c.lead(2, false)
	if got := c.get("k100"); got != fmt.Sprintf("%0*d@102", 8000, 100) {
		t.Errorf("restored is %.20s… of %d bytes", got, len(got))
	}
	c.put(2, "new", "1")
	c.stop()
	store, err := storage.Open(c.config.Data, storage.Options{Host: "c"})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Check(context.Background()); err != nil {
		t.Error(err)
	}
}
