package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

const (
	// historyBytes is how much history is sent as one frame.
	historyBytes = 1 << 20
	// rangeBytes is how much of the database is copied at once: some milliseconds of reading.
	rangeBytes = 512 << 10
	// throttle is the rest between ranges of a copy, as a multiple of the time that a range took: the terminals come first.
	throttle = 1
	// idle is how long after a commit the other host is told of it when no frame does.
	idle = 20 * time.Millisecond
	// pinned is how long history is kept for a host that went away in the middle of a copy.
	pinned = 10 * time.Minute
)

// Source is what a Sender reads: the committed history and the database. *storage.Store is one.
type Source interface {
	Committed() history.Mark
	Applied() history.Mark
	First() uint64
	Epochs() []storage.EpochStart
	DigestAt(sequence uint64) (history.Digest, error)
	Entries(from uint64, limit, maxBytes int) ([]history.Stored, error)
	Pin(from uint64) (release func(), err error)
	SnapshotRange(cursor []byte, maxBytes int) (storage.Range, error)
	Stats() storage.Stats
}

// PeerState is the replication state of the other host. State is one of bus.PeerAbsent, PeerProbe, …; Progress is that
// of a snapshot transfer, 0..1.
type PeerState struct {
	// Levels are what its program knows, as its last hello said; zero before the first.
	Levels   level.Range
	State    string
	Reason   string
	Position position.Position // durable in its journal
	Progress float64
	// Err is why it can't join (bus.PeerRefused): ErrForeign, ErrStale, ErrNotNow, level.ErrApart.
	Err error
	// Epoch is the higher epoch that the other host knows, with ErrStale.
	Epoch uint64
}

// SenderConfig describes the sender of one term.
type SenderConfig struct {
	Remote Peer
	Source Source
	// Facts give host, identity, pair id, and the numbers of replication sessions.
	Facts *facts.Facts
	Epoch uint64
	// Level says which level this host's data are at.
	Level func() level.Level
	// Backlog are entries that are durable in the own journal and follow Source.Committed, which the updater found when
	// it started within a term. They are part of what the other host must have, and it must not lose those it has.
	Backlog []history.Stored
	// State is told of each change of state, one after the other. It must not block.
	State  func(PeerState)
	Logger *slog.Logger
}

// Sender brings the other host from its present state to holding every frame.
//
//	absent ──connected──▶ probe ──common position──▶ catching-up ──all sent──▶ close ──Hold, noted──▶ held
//	   ▲                    │ ╲                          ▲   ▲                  │                      │
//	   │                    │  ╲──none provable──▶ copying   └──falls behind────┘        Release ─────┘ to close
//	   └────────────────────┴──────────────── connection or session lost ──────────────────────────────
//	refused: it can't join; tried again, more and more slowly.
//
// Until Hold only committed history is sent, so there is no hand-off from history to live frames that could leave a gap:
// a frame that is offered is sent when the other host ends exactly where the frame begins, and history before it comes
// from the source, which has every committed entry. That holds on every reconnection as well. There is no queue.
type Sender struct {
	c    SenderConfig
	wake chan struct{}

	mu     sync.Mutex
	state  PeerState
	offer  *offer
	hold   *hold
	unpin  func()       // releases the history that the other host still needs
	pinned history.Mark // from behind which it is kept
	said   string       // last complaint, so that a repeated one is not logged
}

// offer is a frame that waits for the other host.
type offer struct {
	entries   []history.Stored
	committed position.Position
	done      chan struct{}
}

func (o *offer) end() history.Mark { return o.entries[len(o.entries)-1].Mark() }
func (o *offer) first() uint64     { return o.entries[0].Entry.Position.Sequence }

// hold says that frames wait for the other host.
type hold struct {
	upTo       uint64
	membership membership.Note
	reached    chan struct{} // closed when it holds everything up to upTo and has noted
}

func (h *hold) met() bool {
	select {
	case <-h.reached:
		return true
	default:
		return false
	}
}

// NewSender returns the sender of one term, which works while Run runs.
func NewSender(c SenderConfig) *Sender {
	if c.State == nil {
		c.State = func(PeerState) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Sender{c: c, wake: make(chan struct{}, 1), state: PeerState{State: bus.PeerAbsent}}
}

// Run works until ctx ends. Only an error of this host's facts ends it before.
func (s *Sender) Run(ctx context.Context) error {
	defer s.release()
	for failures := 0; ; {
		s.become(bus.PeerAbsent, nil)
		conn, err := s.await(ctx)
		if err != nil {
			return err
		}
		session, cancel := context.WithCancelCause(ctx)
		stop := context.AfterFunc(conn.Up(), func() { cancel(context.Cause(conn.Up())) })
		began := time.Now()
		err = s.drive(session, cancel, conn)
		lost := session.Err() != nil
		stop()
		cancel(nil)
		var f fatal
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &f):
			return f.error
		case lost && conn.Up().Err() != nil:
			failures = 0 // the connection tells when it is back
			continue
		case time.Since(began) > time.Second:
			failures = 0
		}
		s.judge(err)
		s.complain(err)
		if err := s.pause(ctx, conn, failures); err != nil {
			return err
		}
		failures++
	}
}

// complain logs why a session ended, once for each reason in a row.
func (s *Sender) complain(err error) {
	s.mu.Lock()
	repeated := s.said == fmt.Sprint(err)
	s.said = fmt.Sprint(err)
	s.mu.Unlock()
	if !repeated {
		s.c.Logger.Warn("replication session ended", "host", s.c.Remote.Peer(), "epoch", s.c.Epoch, "error", err)
	}
}

// pause rests between sessions: hardly at first, because most ends are a moment's, then up to a quarter of a second.
func (s *Sender) pause(ctx context.Context, conn *bus.Conn, failures int) error {
	timer := time.NewTimer(pace.Doubled(2*time.Millisecond, 250*time.Millisecond, failures))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-conn.Up().Done():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// await gives the connection. History that is pinned for a copy is given up when it takes too long.
func (s *Sender) await(ctx context.Context) (*bus.Conn, error) {
	s.mu.Lock()
	keeps := s.unpin != nil
	s.mu.Unlock()
	if keeps {
		patient, cancel := context.WithTimeout(ctx, pinned)
		conn, err := s.c.Remote.Await(patient)
		cancel()
		if err == nil || ctx.Err() != nil {
			return conn, err
		}
		s.c.Logger.Warn("the other host left during a snapshot transfer and did not return; history is not kept for it any longer", "host", s.c.Remote.Peer())
		s.release()
	}
	return s.c.Remote.Await(ctx)
}

// judge turns the end of a session into a state.
func (s *Sender) judge(err error) {
	for _, refusal := range []error{ErrForeign, ErrStale, ErrNotNow, level.ErrApart, bus.ErrMalformed, bus.ErrUnknownCall} {
		if errors.Is(err, refusal) {
			s.become(bus.PeerRefused, err)
			return
		}
	}
	s.become(bus.PeerProbe, err)
}

// drive runs one session of the protocol until it ends; the error says why. ctx ends with the connection.
func (s *Sender) drive(ctx context.Context, cancel context.CancelCauseFunc, conn *bus.Conn) error {
	s.become(bus.PeerProbe, nil)
	p, err := newProbe(ctx, s.c, conn)
	if err != nil {
		return err
	}
	s.knows(p.hello.Levels)
	if had := s.State().Position; p.hello.End.Position.Before(had) {
		s.c.Logger.Error("the other host lost updates that it had acknowledged; they are sent again",
			"host", s.c.Remote.Peer(), "position", p.hello.End.Position, "acknowledged", had)
	}
	end, err := s.reconcile(ctx, p)
	if err != nil {
		return err
	}
	c, err := p.open(ctx, end)
	if err != nil {
		return err
	}
	session, err := openSession(ctx, s.c.Remote, c, func(err error) { cancel(fmt.Errorf("session: %w", err)) })
	if err != nil {
		return err
	}
	defer session.Close()
	stop := context.AfterFunc(session.Up(), func() { cancel(context.Cause(session.Up())) })
	defer stop()
	appender, err := journal.NewAppender(session, bus.ReplicationSubject(s.c.Remote.Peer()))
	if err != nil {
		return err
	}
	f := &feed{s: s, p: p, conn: session, appender: appender, last: c.Last, end: end}
	err = f.run(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// become notes a state and tells it.
func (s *Sender) become(state string, err error) {
	s.mu.Lock()
	next := PeerState{State: state, Position: s.state.Position, Err: err, Levels: s.state.Levels}
	if err != nil {
		next.Reason = err.Error()
		var stale *staleError
		if errors.As(err, &stale) {
			next.Epoch = stale.known
		}
	}
	changed := next.State != s.state.State || next.Reason != s.state.Reason
	s.state = next
	s.mu.Unlock()
	if changed {
		s.c.State(next)
	}
}

// knows notes which levels the other host's program knows.
func (s *Sender) knows(r level.Range) {
	s.mu.Lock()
	s.state.Levels = r
	s.mu.Unlock()
}

// at notes where the other host ends.
func (s *Sender) at(p position.Position) {
	s.mu.Lock()
	s.state.Position = p
	s.mu.Unlock()
}

// copied notes the progress of a copy.
func (s *Sender) transferred(progress float64) {
	s.mu.Lock()
	s.state.Progress = progress
	now := s.state
	s.mu.Unlock()
	s.c.State(now)
}

// State returns the present state of the other host.
func (s *Sender) State() PeerState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Offer takes a frame that follows everything committed and returns at once; the channel is closed when the frame is
// durable in the other host's journal, however often the connection is lost meanwhile. At most one is offered at a
// time.
func (s *Sender) Offer(entries []history.Stored, committed position.Position) <-chan struct{} {
	o := &offer{entries: entries, committed: committed, done: make(chan struct{})}
	s.mu.Lock()
	s.offer = o
	s.mu.Unlock()
	s.nudge()
	return o.done
}

// Withdraw ends the offer. The frame may be in the other host's journal or not.
func (s *Sender) Withdraw() {
	s.mu.Lock()
	s.offer = nil
	s.mu.Unlock()
}

// Committed reports that the committed end has moved. An idle standby learns of it soon; frames carry it anyway. It
// never blocks.
func (s *Sender) Committed() { s.nudge() }

// Hold returns when the other host holds everything up to upTo, which lies before the first frame that is offered,
// and has durably noted its membership (R4); a zero membership notes nothing. It tries until ctx ends, whose error it
// then returns; what was reached until then stays. Its effect ends with Release.
func (s *Sender) Hold(ctx context.Context, upTo position.Position, membership membership.Note) error {
	h := &hold{upTo: upTo.Sequence, membership: membership, reached: make(chan struct{})}
	s.mu.Lock()
	s.hold = h
	s.mu.Unlock()
	s.nudge()
	select {
	case <-h.reached:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Release ends Hold: the other host has left the in-sync set.
func (s *Sender) Release() {
	s.mu.Lock()
	s.hold = nil
	s.mu.Unlock()
	s.nudge()
}

func (s *Sender) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// offered and holds give what is asked for now.
func (s *Sender) offered() *offer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offer
}

func (s *Sender) holds() *hold {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hold
}

// release gives up history that was pinned.
func (s *Sender) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unpin != nil {
		s.unpin()
	}
	s.unpin, s.pinned = nil, history.Mark{}
}
