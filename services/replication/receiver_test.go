package replication

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// call makes a call to the receiver of host b.
func call[Q, A any](tb testing.TB, j *journal.Journal, e func(string) bus.Endpoint[Q, A], q Q) (A, error) {
	tb.Helper()
	for ctx := journaltest.Within(tb, 20*time.Second); ; {
		a, err := e("b").Ask(ctx, j.Conn(), q)
		if !errors.Is(err, bus.ErrNobody) { // it serves in a moment
			return a, err
		}
	}
}

// refused gives only the error of a call.
func refused[A any](_ A, err error) error { return err }

func helloOf(t journal.Term) helloRequest {
	return helloRequest{Levels: level.Own(), Host: "a", Identity: "identity of a", To: "b", PairID: "pair", Term: t}
}

func TestReceiver_Hello(t *testing.T) {
	b := newHost(t, "b")
	b.start()
	for name, c := range map[string]struct {
		change func(*helloRequest)
		want   error
	}{
		"levels":      {func(q *helloRequest) { q.Levels = level.Range{Oldest: 98, Newest: 99} }, level.ErrApart},
		"its level":   {func(q *helloRequest) { q.Levels.Newest++; q.Level = q.Levels.Newest }, level.ErrApart},
		"to another":  {func(q *helloRequest) { q.To = "c" }, ErrForeign},
		"from me":     {func(q *helloRequest) { q.Host = "b" }, ErrForeign},
		"my identity": {func(q *helloRequest) { q.Identity = b.facts.Get().Identity }, ErrForeign},
		"no epoch":    {func(q *helloRequest) { q.Term.Epoch = 0 }, bus.ErrMalformed},
		"no session":  {func(q *helloRequest) { q.Term.Session = 0 }, bus.ErrMalformed},
	} {
		q := helloOf(journal.Term{Epoch: 1, Session: 1})
		c.change(&q)
		if _, err := call(t, b.j, callHello, q); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.reads(5)
	a, err := call(t, b.j, callHello, helloOf(journal.Term{Epoch: 5, Session: 3}))
	if err != nil || a.End != (history.Mark{}) || a.Inconsistent {
		t.Fatal(a, err)
	}
	// A hand-over notes the next epoch with the membership: the hello makes it this host's own.
	if err := b.facts.Update(func(d *facts.Data) error { d.Note = membership.Note{Version: 9, Epoch: 6}; return nil }); err != nil {
		t.Fatal(err)
	}
	if a, err := call(t, b.j, callHello, helloOf(journal.Term{Epoch: 6, Session: 3})); err != nil || a.Epoch != 6 || b.facts.Get().Epoch != 6 {
		t.Fatalf("the successor: %v, epoch %d is known, %d durable", err, a.Epoch, b.facts.Get().Epoch)
	}
	for name, c := range map[string]struct {
		q    helloRequest
		want error
	}{
		"lower epoch":      {helloOf(journal.Term{Epoch: 4, Session: 9}), ErrStale},
		"higher epoch":     {helloOf(journal.Term{Epoch: 7, Session: 9}), ErrNotNow},  // of which main has read nothing
		"same session":     {helloOf(journal.Term{Epoch: 6, Session: 3}), ErrSession}, // late, from a connection before
		"earlier session":  {helloOf(journal.Term{Epoch: 6, Session: 2}), ErrSession},
		"another pair now": {func() helloRequest { q := helloOf(journal.Term{Epoch: 7, Session: 9}); q.PairID = "other"; return q }(), ErrForeign},
	} {
		a, err := call(t, b.j, callHello, c.q)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if errors.Is(c.want, ErrForeign) {
			continue // TestFault_C4_ARefusalTellsStrangersNothing
		}
		if a.Host != "b" || a.Epoch != 6 || a.Fence != (journal.Term{Epoch: 6, Session: 3}) {
			t.Errorf("%s: %q knows epoch %d, its fence is %v: a refusal says who refuses and what is known", name, a.Host, a.Epoch, a.Fence)
		}
	}
	b.refuse(errors.New("taking over"))
	if _, err := call(t, b.j, callHello, helloOf(journal.Term{Epoch: 6, Session: 4})); !errors.Is(err, ErrNotNow) {
		t.Fatal(err)
	}
	if b.facts.Get().Epoch != 6 {
		t.Fatal("a refused hello raised the epoch")
	}
}

// A pair that main notes while a hello is being looked at stays: the hello compared with what was before.
func TestReceiver_HelloBesideTheFirstRecord(t *testing.T) {
	for _, of := range []string{"", "pair"} {
		b := newHost(t, "b")
		b.start()
		b.receiver.c.Allow = func(uint64) error {
			return b.facts.Update(func(d *facts.Data) error { d.PairID = "noted"; return nil })
		}
		q := helloOf(journal.Term{Epoch: 5, Session: 1})
		q.PairID = of
		if _, err := call(t, b.j, callHello, q); !errors.Is(err, ErrForeign) {
			t.Errorf("a hello of pair %q: %v", of, err)
		}
		if got := b.facts.Get().PairID; got != "noted" {
			t.Errorf("a hello of pair %q left the host in pair %q", of, got)
		}
	}
}

// adopting is a database that a term of this host commits the same entries to, just before the receiver does.
type adopting struct{ *storage.Store }

func (a adopting) Commit(entries ...history.Stored) error {
	if err := a.Store.Commit(entries...); err != nil {
		return err
	}
	return a.Store.Commit(entries...)
}

// What is applied may be told of while a takeover adopts the journal: the receiver then has nothing left to commit.
func TestReceiver_CommitsBesideAnAdoption(t *testing.T) {
	b := newHost(t, "b")
	b.start()
	ctx := journaltest.Within(t, 30*time.Second)
	if _, broken, err := b.receiver.Fence(ctx, journal.Fence{Term: journal.Term{Epoch: 1, Session: 1}, Host: "b"}); err != nil || broken != nil {
		t.Fatal(err, broken)
	}
	entries := journaltest.Chain(t, b.store.Committed(), 1, 1, "adopted")
	if err := b.l.Append(ctx, entries, b.store.Committed().Position); err != nil {
		t.Fatal(err)
	}
	last := journaltest.End(entries).Position
	b.l.View(func(tail *journal.Tail) { tail.Commit(last) })
	b.receiver.c.Database = adopting{b.store}
	if err := b.receiver.commit(ctx); err != nil {
		t.Error(err)
	}
	if got := b.store.Committed().Position; got != last {
		t.Errorf("committed up to %v, not %v", got, last)
	}
}

// Every call of a session that is over is refused.
func TestReceiver_CallsOfAnEarlierSession(t *testing.T) {
	b := newHost(t, "b")
	b.start()
	b.reads(5)
	for s := range uint64(2) {
		if _, err := call(t, b.j, callHello, helloOf(journal.Term{Epoch: 5, Session: s + 1})); err != nil {
			t.Fatal(err)
		}
	}
	old := journal.Term{Epoch: 5, Session: 1}
	for name, err := range map[string]error{
		"digests":    refused(call(t, b.j, callDigests, digestsRequest{Term: old})),
		"entries":    refused(call(t, b.j, callEntries, entriesRequest{Term: old})),
		"cut":        refused(call(t, b.j, callTruncate, placeRequest{Term: old})),
		"open":       refused(call(t, b.j, callOpen, placeRequest{Term: old})),
		"note":       refused(call(t, b.j, callNote, noteRequest{Term: old})),
		"committed":  refused(call(t, b.j, callCommitted, committedRequest{Term: old})),
		"copy-begin": refused(call(t, b.j, callSnapshotBegin, snapshotBeginRequest{Term: old})),
		"copy-range": refused(call(t, b.j, callSnapshotRange, snapshotRangeRequest{Term: old})),
		"copy-end":   refused(call(t, b.j, callSnapshotEnd, snapshotEndRequest{Term: old})),
	} {
		if !errors.Is(err, ErrSession) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A committed position is believed only from a session that was opened.
	now := journal.Term{Epoch: 5, Session: 2}
	if _, err := call(t, b.j, callCommitted, committedRequest{Term: now, Committed: position.Position{Epoch: 5, Sequence: 9}}); !errors.Is(err, ErrSession) {
		t.Error(err)
	}
	if a, err := call(t, b.j, callOpen, placeRequest{Term: now}); err != nil || a.Credentials == (journal.Credentials{}) {
		t.Fatal(err)
	}
	// The own fence ends it.
	if _, _, err := b.receiver.Fence(journaltest.Within(t, 5*time.Second), journal.Fence{Term: journal.Term{Epoch: 6, Session: 0}, Host: "b"}); err != nil {
		t.Fatal(err)
	}
	if _, err := call(t, b.j, callNote, noteRequest{Term: now}); !errors.Is(err, ErrSession) {
		t.Error(err)
	}
	if _, err := call(t, b.j, callOpen, placeRequest{Term: now}); !errors.Is(err, ErrSession) {
		t.Error(err)
	}
}

// A takeover that did not happen is undone by the next hello of the living term.
func TestReceiver_UndoneTakeover(t *testing.T) {
	a, b := newPair(t)
	a.serve(7, b)
	a.awaitState(bus.PeerClose)
	a.hold()
	a.work(5, "before")
	b.refuse(errors.New("taking over"))
	end, broken, err := b.receiver.Fence(journaltest.Within(t, 10*time.Second), journal.Fence{Term: journal.Term{Epoch: 8, Session: 0}, Host: "b"})
	if err != nil || broken != nil || end != a.l.End() {
		t.Fatal(end, broken, err)
	}
	processtest.Await(t, "a is refused", func() bool { return a.sender.State().State == bus.PeerRefused })
	b.refuse(nil) // lost: a has the record
	a.work(5, "after")
	same(t, a, b)
	b.stop()
	b.start()
	if b.l.End() != a.l.End() {
		t.Fatal(b.l.End(), a.l.End())
	}
}

// A membership is not noted by a host that lacks something (R4).
func TestReceiver_NoteNeedsEverythingBefore(t *testing.T) {
	b := newHost(t, "b")
	b.start()
	b.reads(5)
	if _, err := call(t, b.j, callHello, helloOf(journal.Term{Epoch: 5, Session: 1})); err != nil {
		t.Fatal(err)
	}
	q := noteRequest{Term: journal.Term{Epoch: 5, Session: 1}, UpTo: 1, Membership: membership.Note{Version: 4, Epoch: 5}}
	if _, err := call(t, b.j, callNote, q); !errors.Is(err, ErrNotCommon) {
		t.Fatal(err)
	}
	if b.facts.Get().Note != (membership.Note{}) {
		t.Fatal(b.facts.Get().Note)
	}
}

// Whatever arrives on the port, nothing panics, and nothing ends the process.
func FuzzReceiver_Answer(f *testing.F) {
	b := newHost(f, "b")
	b.log = slog.New(slog.DiscardHandler) // a fuzz target must not log through f
	b.start()
	calls := []string{"hello", "digests", "entries", "cut", "open", "note", "committed", "copy-range", "copy-end", "unknown"}
	for i := range calls {
		f.Add(uint8(i), []byte{1, 0xa1, 1, 2})
	}
	add := func(i uint8, q any) {
		raw, err := bus.Encode(q)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(i, raw)
	}
	b.reads(5)
	now := journal.Term{Epoch: 5, Session: 1}
	f.Add(uint8(0), bus.EncodeJSON(helloOf(now)))
	add(1, digestsRequest{Term: now, Sequences: []uint64{0, 1, 1 << 63}})
	add(2, entriesRequest{Term: now, After: 1 << 63, MaxBytes: -1})
	add(3, placeRequest{Term: now, Sequence: 1})
	add(4, placeRequest{Term: now})
	add(5, noteRequest{Term: now})
	add(6, committedRequest{Term: now, Committed: position.Position{Epoch: 9, Sequence: 9}})
	add(7, snapshotRangeRequest{Term: now, Range: []byte{1, 2}})
	add(8, snapshotEndRequest{Term: now})
	if _, err := call(f, b.j, callDigests, digestsRequest{}); !errors.Is(err, ErrSession) {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, call uint8, data []byte) {
		ctx := journaltest.Within(t, 20*time.Second)
		if _, err := b.j.Conn().Request(ctx, bus.ReplicationCall("b", calls[int(call)%len(calls)]), data); err != nil {
			t.Fatal("nobody answers any more:", err)
		}
	})
}

// A host that learns of a higher epoch while a hello of a lower one is being looked at, or while its session is about to be
// opened, opens none for the lower (R5).
func TestReceiver_R5LearnsAHigherEpochMeanwhile(t *testing.T) {
	b := newHost(t, "b")
	b.start()
	b.reads(5)
	learn := func(epoch uint64) {
		if err := b.facts.Update(func(d *facts.Data) error {
			d.Epoch = epoch
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	term := journal.Term{Epoch: 5, Session: 1}
	b.receiver.c.Allow = func(uint64) error { // the hello is looked at
		learn(6)
		return nil
	}
	if _, err := call(t, b.j, callHello, helloOf(term)); !errors.Is(err, ErrStale) {
		t.Errorf("hello: %v", err)
	}
	b.receiver.c.Allow = func(uint64) error { return nil }
	term = journal.Term{Epoch: 6, Session: 1}
	h, err := call(t, b.j, callHello, helloOf(term))
	if err != nil {
		t.Fatal(err)
	}
	learn(7)
	open := placeRequest{Term: term, Sequence: h.End.Position.Sequence, Digest: h.End.Digest}
	if a, err := call(t, b.j, callOpen, open); !errors.Is(err, ErrStale) || a.Epoch != 7 {
		t.Errorf("open: %v, epoch %d is known", err, a.Epoch)
	}
	if err := b.l.Truncate(t.Context(), b.l.End()); err != nil { // refused while somebody is granted
		t.Errorf("a session of a lower epoch may write: %v", err)
	}
}
