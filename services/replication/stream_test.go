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
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/facts"
)

// V6 (ii): the standby's stream comes back empty while bolt is there: frames that get old sequence numbers are read all
// the same.
func TestPair_V6_StreamMadeAnew(t *testing.T) {
	a, b := newPair(t)
	a.serve(7, b)
	a.awaitState(bus.PeerClose)
	a.hold()
	a.work(10, "before")
	same(t, a, b)
	b.stop()
	if err := os.RemoveAll(filepath.Join(b.dir, "journal", "stream")); err != nil {
		t.Fatal(err)
	}
	b.start()
	info, err := b.j.Info(journaltest.Within(t, 5*time.Second))
	if err != nil || !info.Recreated {
		t.Fatal("not noticed:", info, err)
	}
	a.work(10, "after")
	same(t, a, b)
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
	ctx := journaltest.Within(t, 20*time.Second)
	c := b.journal
	c.Host, c.Dir = "b", filepath.Join(b.dir, "journal")
	j := journal.New(c)
	if err := j.Open(ctx); err != nil {
		t.Fatal(err)
	}
	l := journal.NewLog(j, acked)
	if err := l.Fence(ctx, journal.Fence{Term: journal.Term{Epoch: 7, Session: 90}, Host: "b"}); err != nil {
		t.Fatal(err)
	}
	var seqs []uint64
	lost := journaltest.Chain(t, acked, 7, 9, "known to a as well")
	for part := range slices.Chunk(lost, 3) {
		if err := l.Append(ctx, part, acked.Position); err != nil {
			t.Fatal(err)
		}
		l.View(func(tail *journal.Tail) { seqs = append(seqs, tail.Seq()) })
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
	b.l.View(func(tail *journal.Tail) { broken = tail.Broken() })
	if !errors.Is(broken, storage.ErrGap) {
		t.Fatal("the gap was not found:", broken)
	}
	if err := a.facts.Update(func(d *facts.Data) error { d.Session = 90; return nil }); err != nil {
		t.Fatal(err)
	}
	a.awaitState(bus.PeerClose)
	a.work(5, "after")
	same(t, a, b)
	if len(b.divergent) == 0 {
		t.Fatal("what could not be read was not kept as divergent")
	}
}

// deleteMessage makes a message vanish, and all before it, as a purge does that came too far.
func deleteMessage(ctx context.Context, j *journal.Journal, seq uint64) error {
	js, err := jetstream.New(j.Conn().Conn)
	if err != nil {
		return err
	}
	s, err := js.Stream(ctx, bus.JournalStream(j.Host()))
	if err != nil {
		return err
	}
	return s.Purge(ctx, jetstream.WithPurgeSequence(seq+1))
}
