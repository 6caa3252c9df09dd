package updater

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/services/updater/pairtime"
	"github.com/hotpair/hotpair/services/updater/queue"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// fakeJournal is a journal of either host that stores when it is told to. A gate that is open stores at once.
type fakeJournal struct {
	mu      sync.Mutex
	open    bool
	fail    error // for Append, once
	frames  [][]history.Stored
	waiting []chan struct{}
	asked   chan struct{} // gets a value for each frame that comes
}

func newFakeJournal(open bool) *fakeJournal {
	return &fakeJournal{open: open, asked: make(chan struct{}, 1000)}
}

func (j *fakeJournal) Append(ctx context.Context, entries []history.Stored, committed position.Position) error {
	j.mu.Lock()
	err := j.fail
	j.fail = nil
	j.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-j.Offer(entries, committed):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (j *fakeJournal) Offer(entries []history.Stored, _ position.Position) <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	there := make(chan struct{})
	j.frames = append(j.frames, entries)
	if j.open {
		close(there)
	} else {
		j.waiting = append(j.waiting, there)
	}
	j.asked <- struct{}{}
	return there
}

func (j *fakeJournal) Withdraw() {}

// set opens or closes the gate; opening stores what waits.
func (j *fakeJournal) set(open bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open = open
	if open {
		for _, there := range j.waiting {
			close(there)
		}
		j.waiting = nil
	}
}

// stage is a term on a real store with fake journals.
type stage struct {
	t          *testing.T
	term       *term
	own, other *fakeJournal
	cancel     context.CancelCauseFunc
	result     chan error
	full       atomic.Pointer[chan struct{}] // closed when there is room again; nil: there always was
	hurried    chan struct{}
}

// room is that for another frame.
func (s *stage) room() (bool, <-chan struct{}) {
	full := s.full.Load()
	if full == nil {
		return true, closedChannel()
	}
	select {
	case <-*full:
		return true, *full
	default:
		return false, *full
	}
}

func newStage(t *testing.T, required bool) *stage {
	t.Helper()
	store, err := storage.Open(t.TempDir(), storage.Options{Host: "a", Identity: "ida", InitialMmapSize: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, own: newFakeJournal(true), other: newFakeJournal(true), result: make(chan error, 1), hurried: make(chan struct{}, 1)}
	s.term = &term{
		measured: &measures{},
		epoch:    1, store: store, own: s.own, other: s.other, clock: lease.BootClock, required: required,
		retention: time.Hour, times: pairtime.New(lease.BootClock, time.Now, time.Time{}),
		room: s.room, hurry: func() { nudge(s.hurried) }, committed: func(history.Mark) {}, damaged: func(err error) { t.Error(err) },
		queue: queue.New(callSize), ended: make(chan struct{}), changed: make(chan struct{}),
	}
	began, err := history.NewStored(history.Digest{}, history.Entry{
		Position: position.Position{Epoch: 1, Sequence: 1}, Kind: history.KindBegan, Time: 1, Host: "a", Identity: "ida"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	s.cancel = cancel
	go func() { s.result <- s.term.run(ctx, []history.Stored{began}) }()
	t.Cleanup(func() {
		cancel(errTermEnded)
		<-s.term.ended
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func closedChannel() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// commit gives a commit to the term; the answer comes on the channel.
func (s *stage) commit(c request) <-chan bus.DatabaseReply {
	s.t.Helper()
	c.Epoch = 1
	got := make(chan bus.DatabaseReply, 1)
	commit(s.term, "kv", c.Asked(), c.Commit(testKey), func(r bus.DatabaseReply) { got <- r })
	return got
}

func (s *stage) get(key string) bus.Item {
	s.t.Helper()
	r := read(s.term.store, "kv", ticket.Ticket{}, &bus.Read{Keys: [][]byte{[]byte(key)}})
	if r.Code != bus.CodeOK {
		s.t.Fatal(r)
	}
	return r.Items[0]
}

const patience = 10 * time.Second

func receive[T any](t testing.TB, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
	}
	return v
}

func quiet[T any](t testing.TB, what string, c <-chan T) {
	t.Helper()
	select {
	case v := <-c:
		t.Fatalf("%s came: %+v", what, v)
	case <-time.After(20 * time.Millisecond):
	}
}

// TestTerm_V1DirtyRead: an update that the other host does not have yet is shown to nobody (R2, R12).
func TestTerm_V1DirtyRead(t *testing.T) {
	s := newStage(t, true)
	receive(t, "the first entry at the other host", s.other.asked)
	s.other.set(false)
	x := s.commit(request{ID: drafttest.Counter(1), Operations: []bus.Operation{drafttest.Put("x", "1")}})
	receive(t, "the frame at the other host", s.other.asked)
	receive(t, "the first entry at home", s.own.asked)
	receive(t, "the frame at home", s.own.asked)

	quiet(t, "an answer that only this host has", x)
	if got := s.get("x"); got.Revision != 0 {
		t.Errorf("a read shows %+v", got)
	}
	if r := read(s.term.store, "kv", request{ID: drafttest.Counter(1)}.Asked(), &bus.Read{}); r.Recorded != nil {
		t.Errorf("the recorded answer is repeated: %+v", r)
	}
	again := s.commit(request{ID: drafttest.Counter(1), Operations: []bus.Operation{drafttest.Put("x", "1")}})
	conflict := s.commit(request{ID: drafttest.Counter(2), Conditions: []bus.Condition{drafttest.Has("x", 0)}, Operations: []bus.Operation{drafttest.Put("x", "2")}})
	quiet(t, "a repeated answer", again)
	quiet(t, "a failed condition", conflict)

	s.other.set(true)
	if r := receive(t, "the answer", x); r.Position != (position.Position{Epoch: 1, Sequence: 2}) {
		t.Errorf("answered %+v", r)
	}
	if r := receive(t, "the repeated answer", again); r.Recorded == nil || r.Position.Sequence != 2 {
		t.Errorf("repeated %+v", r)
	}
	if r := receive(t, "the conflict", conflict); r.Code != bus.CodeConflict {
		t.Errorf("answered %+v", r)
	}
	if got := s.get("x"); got.Revision != 2 {
		t.Errorf("read-your-write: got %+v", got)
	}
	if got := s.term.store.Notified(); got.Sequence != 2 {
		t.Errorf("A5: notified up to %v", got)
	}
}

// TestTerm_ConflictWithinTheFrame: a condition that failed on an update of the same frame waits for it (R12).
func TestTerm_ConflictWithinTheFrame(t *testing.T) {
	s := newStage(t, true)
	receive(t, "the first entry", s.other.asked)
	s.other.set(false)
	first := s.commit(request{Operations: []bus.Operation{drafttest.Put("first", "")}})
	receive(t, "the frame before", s.other.asked)
	x := s.commit(request{Operations: []bus.Operation{drafttest.Put("x", "1")}})
	onFrame := s.commit(request{Conditions: []bus.Condition{drafttest.Has("x", 0)}, Operations: []bus.Operation{drafttest.Put("x", "2")}})
	onCommitted := s.commit(request{Conditions: []bus.Condition{drafttest.Present("y")}, Operations: []bus.Operation{drafttest.Put("y", "2")}})
	// The frame before becomes durable; the next one does not.
	s.other.mu.Lock()
	close(s.other.waiting[0])
	s.other.waiting = nil
	s.other.mu.Unlock()
	receive(t, "the answer of the frame before", first)
	receive(t, "the frame", s.other.asked)
	if r := receive(t, "a conflict with committed state", onCommitted); r.Code != bus.CodeConflict {
		t.Errorf("got %+v", r)
	}
	quiet(t, "a conflict with the frame", onFrame)
	quiet(t, "the update", x)
	s.other.set(true)
	receive(t, "the update", x)
	if r := receive(t, "the conflict", onFrame); r.Code != bus.CodeConflict {
		t.Errorf("got %+v", r)
	}
}

// TestTerm_A6OtherHostIsDown: a frame waits as long as main requires the other host (R3), and is not notified when it
// goes on without (A7).
func TestTerm_A6OtherHostIsDown(t *testing.T) {
	s := newStage(t, true)
	receive(t, "the first entry", s.other.asked)
	s.other.set(false)
	x := s.commit(request{Operations: []bus.Operation{drafttest.Put("x", "1")}})
	receive(t, "the frame", s.other.asked)
	quiet(t, "an answer without the other host", x)
	if f := s.term.inFlight(); f.since == 0 || !f.needed {
		t.Errorf("in flight: %+v", f)
	}
	s.term.require(false)
	receive(t, "the answer", x)
	receive(t, "an answer that needs nobody else", s.commit(request{Operations: []bus.Operation{drafttest.Put("y", "1")}}))
	if got := s.term.store.Notified(); got.Sequence != 1 {
		t.Errorf("A7: notified up to %v", got)
	}
	s.term.require(true)
	if err := s.term.between(context.Background()); err != nil {
		t.Error(err)
	}
	held := s.commit(request{Operations: []bus.Operation{drafttest.Put("z", "1")}})
	quiet(t, "an answer while the other host is required again (R4)", held)
	s.other.set(true)
	receive(t, "the answer", held)
}

func TestTerm_BetweenWaitsForFramesThatLeftBefore(t *testing.T) {
	s := newStage(t, false)
	receive(t, "the first entry", s.own.asked)
	s.own.set(false)
	x := s.commit(request{Operations: []bus.Operation{drafttest.Put("x", "1")}})
	receive(t, "the frame", s.own.asked)
	s.term.require(true)
	done := make(chan uint64, 1)
	go func() {
		if err := s.term.between(context.Background()); err != nil {
			t.Error(err)
		}
		done <- s.term.store.Committed().Position.Sequence
	}()
	quiet(t, "the end of the frame", done)
	s.own.set(true)
	if got := receive(t, "the end of the frame", done); got != 2 {
		t.Errorf("committed %d", got)
	}
	receive(t, "the answer", x)
}

// TestTerm_EndLeavesNobodyWaiting: who waits when a term ends is told whether it may take effect yet.
func TestTerm_EndLeavesNobodyWaiting(t *testing.T) {
	s := newStage(t, true)
	receive(t, "the first entry", s.other.asked)
	s.other.set(false)
	inFlight := s.commit(request{Operations: []bus.Operation{drafttest.Put("x", "1")}})
	receive(t, "the frame", s.other.asked)
	waiting := s.commit(request{Operations: []bus.Operation{drafttest.Put("y", "1")}})
	s.cancel(errTermEnded)
	if err := receive(t, "the end", s.result); !errors.Is(err, errTermEnded) {
		t.Errorf("ended with %v", err)
	}
	if r := receive(t, "the one in flight", inFlight); r.Code != bus.CodeUnknown {
		t.Errorf("in flight: %+v", r)
	}
	if r := receive(t, "the one that waited", waiting); r.Code != bus.CodeNobody {
		t.Errorf("waiting: %+v", r)
	}
	if r := receive(t, "a late one", s.commit(request{Operations: []bus.Operation{drafttest.Put("y", "1")}})); r.Code != bus.CodeNobody {
		t.Errorf("late: %+v", r)
	}
}

func TestTerm_DrainFinishesWhatWaits(t *testing.T) {
	s := newStage(t, true)
	receive(t, "the first entry", s.other.asked)
	s.other.set(false)
	first := s.commit(request{Operations: []bus.Operation{drafttest.Put("x", "1")}})
	receive(t, "the frame", s.other.asked)
	second := s.commit(request{Operations: []bus.Operation{drafttest.Put("y", "1")}})
	s.term.queue.Close()
	s.other.set(true)
	receive(t, "the first", first)
	receive(t, "the second", second)
	if err := receive(t, "the end", s.result); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// TestTerm_WaitsForRoomInAHurry: a frame that finds no room has what is committed applied, and goes on when it is.
func TestTerm_WaitsForRoomInAHurry(t *testing.T) {
	s := newStage(t, false)
	receive(t, "the first entry", s.own.asked)
	applied := make(chan struct{})
	s.full.Store(&applied)
	x := s.commit(request{Operations: []bus.Operation{drafttest.Put("x", "1")}})
	receive(t, "the hurry", s.hurried)
	quiet(t, "an answer without room", x)
	if f := s.term.inFlight(); f.since == 0 || f.own {
		t.Errorf("waiting for the own disk is told as %+v", f)
	}
	close(applied)
	receive(t, "the answer", x)
}

// TestTerm_FullJournalWaits: a journal at its bound has room again when bolt has applied more.
func TestTerm_FullJournalWaits(t *testing.T) {
	s := newStage(t, false)
	receive(t, "the first entry", s.own.asked)
	s.own.mu.Lock()
	s.own.fail = journal.ErrFull
	s.own.mu.Unlock()
	receive(t, "the answer", s.commit(request{Operations: []bus.Operation{drafttest.Put("x", "1")}}))
}

// TestTerm_R8FailedWriteEnds: nothing retries a failed append.
func TestTerm_R8FailedWriteEnds(t *testing.T) {
	s := newStage(t, false)
	receive(t, "the first entry", s.own.asked)
	s.own.mu.Lock()
	s.own.fail = journal.ErrStuck
	s.own.mu.Unlock()
	x := s.commit(request{Operations: []bus.Operation{drafttest.Put("x", "1")}})
	if err := receive(t, "the end", s.result); !errors.Is(err, journal.ErrStuck) {
		t.Errorf("ended with %v", err)
	}
	if r := receive(t, "the answer", x); r.Code != bus.CodeUnknown {
		t.Errorf("got %+v", r)
	}
}

// TestDatabase_ScanSeesOnePosition: pages of one answer carry the position of the first.
func TestDatabase_ScanSeesOnePosition(t *testing.T) {
	s := newStage(t, false)
	for _, key := range []string{"a1", "a2", "a3", "b1"} {
		receive(t, "the answer", s.commit(request{Operations: []bus.Operation{drafttest.Put(key, "v")}}))
	}
	first := scan(s.term.store, "kv", ticket.Ticket{}, &bus.Scan{Prefix: []byte("a"), Limit: 2})
	if len(first.Items) != 2 || !first.More || string(first.Items[1].Key) != "a2" || first.Items[1].Revision != 3 {
		t.Errorf("first page: %+v", first)
	}
	second := scan(s.term.store, "kv", ticket.Ticket{}, &bus.Scan{Prefix: []byte("a"), After: first.Items[1].Key, At: first.Position})
	if len(second.Items) != 1 || second.More || second.Position != first.Position {
		t.Errorf("second page: %+v", second)
	}
	receive(t, "the answer", s.commit(request{Operations: []bus.Operation{drafttest.Put("c", "v")}}))
	moved := scan(s.term.store, "kv", ticket.Ticket{}, &bus.Scan{Prefix: []byte("a"), After: first.Items[1].Key, At: first.Position})
	if moved.Code != bus.CodeConflict {
		t.Errorf("after a change: %+v", moved)
	}
	if other := scan(s.term.store, "ledger", ticket.Ticket{}, &bus.Scan{}); len(other.Items) != 0 {
		t.Errorf("another service sees %+v", other.Items)
	}
}

func TestDatabase_RefusesWithoutATerm(t *testing.T) {
	d := newDatabase(nil, func() *term { return nil }, slog.New(slog.DiscardHandler))
	for _, c := range []bus.DatabaseCall{{Read: &bus.Read{}}, {Scan: &bus.Scan{}}, {Commit: &bus.Commit{}}, {}} {
		var got bus.DatabaseReply
		d.handle(c, "db.kv.pack", func(r bus.DatabaseReply) { got = r })
		if got.Code != bus.CodeNobody {
			t.Errorf("%+v: %+v", c, got)
		}
	}
	var got bus.DatabaseReply
	d.handle(bus.DatabaseCall{}, "db.kv.x.y", func(r bus.DatabaseReply) { got = r })
	if got.Code != bus.CodeMalformed {
		t.Errorf("got %+v", got)
	}
}
