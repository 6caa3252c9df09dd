package replication

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/position"
)

// Source is what a Sender reads: the committed history and the database. *storage.Store is one.
type Source interface {
	Committed() storage.Mark
	Applied() storage.Mark
	PairTime() int64
	First() uint64
	Epochs() []storage.EpochStart
	DigestAt(sequence uint64) (storage.Digest, error)
	Entries(from uint64, limit, maxBytes int) ([]storage.Stored, error)
	Pin(from uint64) (release func(), err error)
	CopyRange(cursor []byte, maxBytes int) (storage.Range, error)
	Stats() storage.Stats
}

// PeerState is how far the other host is. State is one of bus.PeerAbsent, PeerProbe, …; Progress is that of a copy, 0..1.
type PeerState struct {
	State    string
	Reason   string
	Position position.Position // durable in its journal
	Progress float64
	// Err is why it can't join (bus.PeerRefused): ErrForeign, ErrStale, ErrNotNow, bus.ErrVersion.
	Err error
	// Epoch is the higher epoch that the other host knows, with ErrStale.
	Epoch uint64
}

// SenderConfig describes the sender of one term.
type SenderConfig struct {
	Remote *Remote
	Source Source
	// Facts give host, identity, pair id, and the numbers of replication sessions.
	Facts *storage.Facts
	Epoch uint64
	// Backlog are entries that are durable in the own journal and follow Source.Committed, which the updater found when
	// it started within a term. They are part of what the other host must have, and it must not lose those it has.
	Backlog []storage.Stored
	// State is told of each change, one after the other. It must not block.
	State  func(PeerState)
	Logger *slog.Logger
}

// Sender drives the other host from wherever it is to holding every frame: absent, probe, catching-up (or copying), close, held.
// It sends only committed history until it is asked to hold; from then on frames that are offered wait for it.
type Sender struct{}

// NewSender makes the sender of one term; it works while Run runs.
func NewSender(c SenderConfig) *Sender { return nil }

// Run works until ctx ends. Only an error of the own disk or facts ends it before.
func (s *Sender) Run(ctx context.Context) error { return errors.New("not built yet") }

// State is how far the other host is now.
func (s *Sender) State() PeerState { return PeerState{} }

// Offer hands a frame that follows everything committed and returns at once; the channel is closed when the frame is durable
// in the other host's journal, however often the way there is lost and found meanwhile. At most one is offered at a time.
func (s *Sender) Offer(entries []storage.Stored, committed position.Position) <-chan struct{} {
	return nil
}

// Withdraw ends the offer: nobody waits for it any more. The frame may be there or not.
func (s *Sender) Withdraw() {}

// Committed tells that the committed end has moved. An idle standby learns of it soon; frames carry it anyway.
func (s *Sender) Committed() {}

// Hold returns when the other host holds everything up to upTo, which lies at or before the first frame that is offered,
// and has durably noted its membership (R4); a zero membership notes nothing. It tries until ctx ends. From its
// call the state is held as soon as that is reached.
func (s *Sender) Hold(ctx context.Context, upTo position.Position, membership bus.MembershipNote) error {
	return errors.New("not built yet")
}

// Release ends Hold: the other host is no longer in the set.
func (s *Sender) Release() {}

// PeerTail is what the other host's journal holds beyond a mark of ours.
type PeerTail struct {
	// End is the end of its history.
	End storage.Mark
	// Entries follow the mark that was asked for; empty when it has nothing beyond it, or another history.
	Entries []storage.Stored
	// Diverged says that it has entries beyond the common position which do not chain onto the mark.
	Diverged bool
}

// ReadPeer fences the other host's journal for a new session of the epoch and reads what it has beyond end: an updater that
// starts within a term adopts it before it goes on (V2). It waits for the connection until ctx ends.
func ReadPeer(ctx context.Context, c SenderConfig, end storage.Mark) (PeerTail, error) {
	return PeerTail{}, errors.New("not built yet")
}

// throttle is the rest between ranges of a copy, as a multiple of the time a range took.
const throttle = 1

// idle is how long after a commit the other host is told of it when no frame does.
const idle = 20 * time.Millisecond
