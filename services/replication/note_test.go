package replication

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// TestReceiver_NoteCommitsWhatItReads: frames that the reading for a note takes in, and not the follower's, are committed
// all the same, without waiting for the next one.
func TestReceiver_NoteCommitsWhatItReads(t *testing.T) {
	dir := t.TempDir()
	own, err := facts.Open(dir, "b")
	if err != nil {
		t.Fatal(err)
	}
	store, err := storage.Open(filepath.Join(dir, "db"), storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	j := openJournal(t)
	l := journal.NewLog(j, store.Applied())
	r := NewReceiver(ReceiverConfig{Host: "b", Log: l, Database: store, Snapshot: store, Facts: own, Dir: dir})
	serving, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.serve(serving) }() // and nobody follows the journal
	defer func() { stop(); <-ended }()
	term := journal.Term{Epoch: 1, Session: 1}
	if err := own.Update(func(d *facts.Data) error { d.PairID, d.Epoch = "pair", 1; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := call(t, j, callHello, helloOf(term)); err != nil {
		t.Fatal(err)
	}
	if _, err := call(t, j, callOpen, placeRequest{Term: term}); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	first := journaltest.Chain(t, l.End(), 1, 3, "x")
	second := journaltest.Chain(t, journaltest.End(first), 1, 1, "y")
	for _, m := range []journal.Message{
		{Frame: journal.NewFrame(term, history.Digest{}, first, position.Position{})},
		{Frame: journal.NewFrame(term, journaltest.End(first).Digest, second, journaltest.End(first).Position)},
	} {
		if _, err := j.Append(ctx, encoded(t, m)); err != nil {
			t.Fatal(err)
		}
	}
	q := noteRequest{Term: term, UpTo: 4, Membership: membership.Note{Version: 2, Epoch: 1}}
	if _, err := call(t, j, callNote, q); err != nil {
		t.Fatal(err)
	}
	if have := store.Committed(); have != journaltest.End(first) {
		t.Errorf("committed is %v, the frames say %v", have.Position, journaltest.End(first).Position)
	}
}
