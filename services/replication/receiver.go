package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// overlayBytes bounds what a standby keeps committed in memory and not yet applied; what is beyond waits in the tail.
const overlayBytes = 64 << 20

// Database is the history that a Receiver reads and extends. *storage.Store is one.
type Database interface {
	Committed() history.Mark
	Applied() history.Mark
	Level() level.Level
	Bytes() int64
	First() uint64
	Epochs() []storage.EpochStart
	DigestAt(sequence uint64) (history.Digest, error)
	Entries(from uint64, limit, maxBytes int) ([]history.Stored, error)
	Commit(entries ...history.Stored) error
}

// SnapshotTarget replaces its content by a snapshot of the other host's database. *storage.Store is one.
type SnapshotTarget interface {
	BeginSnapshot(base history.Mark) error
	PutRange(r storage.Range) error
	Receiving() (storage.SnapshotProgress, bool)
}

// Divergence counts updates that only this host had and that were kept as divergent in a file (R10).
type Divergence struct {
	Path string
	// Updates is how many, from First to Last; 0 when the file holds messages of a damaged journal that could not be
	// read as updates any more.
	Updates int
	First   position.Position
	Last    position.Position
	// Committed is how many of them were known to be committed: an alarm.
	Committed int
}

// ReceiverConfig describes the receiver of a host.
type ReceiverConfig struct {
	// Host is this one, Peer the other; empty: any that has the password and belongs to the pair.
	Host, Peer string
	Log        *journal.Log
	Database   Database
	Snapshot   SnapshotTarget // the same store
	Facts      *facts.Facts
	// Room bounds what is committed and not applied, in bytes. Default 64 MiB.
	Room int64
	// Dir is the data directory, for files of divergent updates.
	Dir string
	// Allow refuses a hello of an epoch: this host is taking over, is active itself, or main has not decided yet. nil
	// allows. Its error is told to the other side, as ErrNotNow unless it is one of this package's.
	Allow func(epoch uint64) error
	// Changed is called when there may be something to flush, and when State changed. It must not block.
	Changed func()
	// Divergent is told of divergent updates.
	Divergent func(Divergence)
	Logger    *slog.Logger
}

// ReceiverState is the replication state of a standby.
type ReceiverState struct {
	// Term of the last hello; zero when this process has had none, or is fenced for itself.
	Term journal.Term
	// Open says that a session may write.
	Open bool
	// Committed is the highest committed position that this host was told and holds.
	Committed position.Position
	// End is the end of its journal.
	End history.Mark
	// Broken is why the journal needs a resync.
	Broken error
	// Catching says that an active is sending it history or a copy.
	Catching bool
	// Inconsistent: in the middle of a copy, and never promotable.
	Inconsistent bool
}

// Receiver serves the calls of the other host's sender on the own journal's server and stores what it sends.
//
// A session of the sender begins with hello, which fences the journal: from then on nothing of an earlier session
// counts. The sender then finds the last common position, has the tail beyond it dropped (truncation) or the database
// replaced (snapshot), and opens the journal for itself. Whatever belongs to an earlier session is refused with
// ErrSession.
type Receiver struct {
	c ReceiverConfig

	serving *semaphore.Weighted // one call, or one own Fence, at a time
	said    string              // last refusal that was logged; serving is held
	refused atomic.Uint64       // hellos
	// Commits and copies exclude each other. Whoever waits here has the life of the process, which ends when a disk that
	// one of them waits for has failed.
	data sync.Mutex

	mu   sync.Mutex
	term journal.Term // of the last hello
	open bool         // the term was granted
	told position.Position
}

// NewReceiver makes a receiver; it serves while Run runs.
func NewReceiver(c ReceiverConfig) *Receiver {
	if c.Allow == nil {
		c.Allow = func(uint64) error { return nil }
	}
	if c.Room == 0 {
		c.Room = overlayBytes
	}
	if c.Changed == nil {
		c.Changed = func() {}
	}
	if c.Divergent == nil {
		c.Divergent = func(Divergence) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Receiver{c: c, serving: semaphore.NewWeighted(1)}
}

// Run serves calls one after the other, follows the journal and commits what is known to be committed, until ctx ends. An
// error of the own disk ends it.
func (r *Receiver) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.serve(ctx) })
	group.Go(func() error {
		return r.c.Log.Follow(ctx, func() error {
			err := r.commit(ctx)
			r.c.Changed()
			return err
		})
	})
	return group.Wait()
}

// serve answers calls until ctx ends or one of them shows that the own disk has failed.
func (r *Receiver) serve(ctx context.Context) error {
	calls := make(chan *nats.Msg, 64)
	sub, err := r.c.Log.Journal().Conn().ChanSubscribe(bus.ReplicationCall(r.c.Host, "*"), calls)
	if err != nil {
		return fmt.Errorf("serve replication calls: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	s := &served{r: r, ctx: ctx, router: bus.NewRouter("")}
	s.handle()
	for {
		select {
		case m := <-calls:
			s.router.Take(m)
			if s.failed != nil && ctx.Err() == nil {
				return s.failed
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// served is one serving of calls.
type served struct {
	r      *Receiver
	ctx    context.Context
	router *bus.Router
	failed error // of the own disk
}

func (s *served) handle() {
	r, host := s.r, s.r.c.Host
	serve(s, callHello(host), r.helloOrSay)
	serve(s, callDigests(host), r.digests)
	serve(s, callEntries(host), r.entries)
	serve(s, callTruncate(host), r.truncate)
	serve(s, callOpen(host), r.grant)
	serve(s, callNote(host), r.note)
	serve(s, callCommitted(host), r.committed)
	serve(s, callSnapshotBegin(host), r.snapshotBegin)
	serve(s, callSnapshotRange(host), r.snapshotRange)
	serve(s, callSnapshotEnd(host), r.snapshotEnd)
}

// serve has one kind of calls answered by do, one at a time and beside no Fence.
func serve[Q, A any](s *served, e bus.Endpoint[Q, A], do func(context.Context, Q) (A, error)) {
	e.Handle(s.router, func(q Q, answer func(A, error)) {
		if journal.Acquire(s.ctx, s.r.serving) != nil {
			return // it ends
		}
		defer s.r.serving.Release(1)
		a, err := do(s.ctx, q)
		answer(a, err)
		if s.failed == nil {
			s.failed = own(err)
		}
	})
}

// helloOrSay is hello, and logs why it was refused: once, for it comes again and again.
func (r *Receiver) helloOrSay(ctx context.Context, q helloRequest) (helloReply, error) {
	a, err := r.hello(ctx, q)
	if err == nil {
		return a, nil
	}
	r.refused.Add(1)
	if text := err.Error(); r.said != text {
		r.said = text
		r.c.Logger.Warn("hello refused", "host", q.Host, "epoch", q.Term.Epoch, "error", err)
	}
	return a, err
}

// RefusedHellos counts the refused hellos of callers that had the login.
func (r *Receiver) RefusedHellos() uint64 { return r.refused.Load() }

// own gives the error if it is one of the own disk, else nil: that is the caller's affair.
func own(err error) error {
	var f fatal
	if errors.As(err, &f) {
		return f.error
	}
	return nil
}

// State returns the present state.
func (r *Receiver) State() ReceiverState {
	r.mu.Lock()
	s := ReceiverState{Term: r.term, Open: r.open}
	told := r.told
	r.mu.Unlock()
	r.c.Log.View(func(t *journal.Tail) {
		s.Committed, s.End, s.Broken = t.Committed(), t.End(), t.Broken()
		if told.Before(t.Told()) {
			told = t.Told()
		}
	})
	s.Inconsistent = r.c.Facts.Get().Receiving != nil
	s.Catching = s.Inconsistent || s.Open && told.Sequence > s.End.Position.Sequence
	return s
}

// Fence waits for the call that is being served, then fences the journal for a term of this host (takeover, or the
// start of a term) and folds all that is in it into the tail. The caller ensures that Allow refuses before its call.
// The end of the tail is returned and, if later messages do not chain onto it, the reason. The last error is ErrStuck
// or ctx's.
func (r *Receiver) Fence(ctx context.Context, f journal.Fence) (end history.Mark, broken, err error) {
	if err := journal.Acquire(ctx, r.serving); err != nil {
		return history.Mark{}, nil, fmt.Errorf("fence: %w", err)
	}
	defer r.serving.Release(1)
	r.set(journal.Term{}, false)
	if err := r.c.Log.Fence(ctx, f); err != nil {
		return history.Mark{}, nil, err
	}
	r.c.Log.View(func(t *journal.Tail) { end, broken = t.End(), t.Broken() })
	return end, broken, nil
}

// Applied reports that bolt has applied up to m: the journal is purged up to it, more may be committed, and a snapshot
// may be complete. An error ends the process.
func (r *Receiver) Applied(ctx context.Context, m history.Mark) error {
	if err := r.settle(); err != nil {
		return err
	}
	if err := r.applied(ctx, m); err != nil {
		return err
	}
	return r.commit(ctx)
}

// applied advances the tail, unless a copy has replaced the database meanwhile.
func (r *Receiver) applied(ctx context.Context, m history.Mark) error {
	r.data.Lock()
	defer r.data.Unlock()
	if now := r.c.Database.Applied(); now.Position.Before(m.Position) {
		return nil
	}
	return r.c.Log.Applied(ctx, m)
}

// commit takes into the database what the tail holds and is known to be committed.
func (r *Receiver) commit(ctx context.Context) error {
	r.data.Lock()
	defer r.data.Unlock()
	for r.c.Database.Bytes() < r.c.Room {
		have := r.c.Database.Committed()
		var from, committed uint64
		r.c.Log.View(func(t *journal.Tail) {
			from, committed = max(have.Position.Sequence, t.Base().Position.Sequence), t.Committed().Sequence
		})
		if from >= committed {
			return nil
		}
		entries, err := r.c.Log.Entries(ctx, from)
		if err != nil {
			return fmt.Errorf("commit updates after sequence %d: %w", from, err)
		}
		entries = entries[:min(uint64(len(entries)), committed-from, 4096)]
		if len(entries) == 0 {
			return nil
		}
		switch err := r.c.Database.Commit(entries...); {
		case errors.Is(err, storage.ErrReceiving):
			return nil
		case errors.Is(err, storage.ErrGap) && r.c.Database.Committed() != have:
			continue // a term of this host adopted its journal meanwhile
		case err != nil:
			return fmt.Errorf("commit %v to %v: %w", entries[0].Entry.Position, entries[len(entries)-1].Entry.Position, err)
		}
	}
	return nil
}

func (r *Receiver) set(term journal.Term, open bool) {
	r.mu.Lock()
	r.term, r.open = term, open
	if term == (journal.Term{}) {
		r.told = position.Position{}
	}
	r.mu.Unlock()
	r.c.Changed()
}

// living refuses a term of a lower epoch than is known by now (R5).
func (r *Receiver) living(t journal.Term) error {
	if known := r.c.Facts.Get().Epoch; t.Epoch < known {
		return stale(known)
	}
	return nil
}

// check refuses a call of another session than the present one.
func (r *Receiver) check(t journal.Term) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t == (journal.Term{}) || t != r.term {
		return fmt.Errorf("%w: %v, now it is %v", ErrSession, t, r.term)
	}
	return nil
}
