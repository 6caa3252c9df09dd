package replication

import (
	"context"
	"errors"
	"log/slog"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/position"
)

// Database is what a Receiver needs of the standby's storage. *storage.Store is one.
type Database interface {
	Committed() storage.Mark
	Applied() storage.Mark
	First() uint64
	Epochs() []storage.EpochStart
	DigestAt(sequence uint64) (storage.Digest, error)
	Entries(from uint64, limit, maxBytes int) ([]storage.Stored, error)
	Commit(entries ...storage.Stored) error
	BeginCopy(base storage.Mark) error
	PutRange(r storage.Range) error
	Copying() (storage.CopyProgress, bool)
}

// Aside tells of updates that only this host had and that were set aside in a file (R10).
type Aside struct {
	Path    string
	Updates int
	// Committed is how many of them were known to be committed: an alarm.
	Committed int
	First     position.Position
	Last      position.Position
}

// ReceiverConfig describes the receiver of a host.
type ReceiverConfig struct {
	// Host is this one, Peer the other.
	Host, Peer string
	Log        *Log
	Database   Database
	Facts      *storage.Facts
	// Dir is the data directory, for files set aside.
	Dir string
	// Allow refuses a hello of an epoch: this host is taking over, is active itself, or main has not decided yet.
	Allow func(epoch uint64) error
	// Changed is called when there may be something to flush, and when State changed. It must not block.
	Changed func()
	// Aside is told of updates set aside.
	Aside  func(Aside)
	Logger *slog.Logger
}

// ReceiverState is what a standby knows of its replication.
type ReceiverState struct {
	// Term of the session that was last opened; zero when none is.
	Term Term
	// Committed is the highest committed position that this host was told and holds.
	Committed position.Position
	// End is the end of its journal.
	End storage.Mark
	// Catching says that an active is sending it history or a copy.
	Catching bool
	// Copying and Progress of a copy; Inconsistent until its end is applied.
	Inconsistent bool
	// Note is the membership noted last.
	Note bus.MembershipNote
}

// Receiver serves the calls of the other host's sender on the own journal's server and keeps what it sends.
type Receiver struct{}

// NewReceiver makes a receiver; it serves while Run runs.
func NewReceiver(c ReceiverConfig) *Receiver { return nil }

// Run serves calls one after the other and follows the journal until ctx ends. An error of the own disk ends it.
func (r *Receiver) Run(ctx context.Context) error { return errors.New("not built yet") }

// State is what is known now.
func (r *Receiver) State() ReceiverState { return ReceiverState{} }

// Applied tells that bolt has applied more: the journal is purged behind it, and a copy may be complete.
func (r *Receiver) Applied(ctx context.Context, m storage.Mark) error {
	return errors.New("not built yet")
}

// Fence waits for the call that is being served, then fences the journal for a term of this host (takeover, or the start
// of a term) and takes in all that is in it. The caller sees to it that Allow refuses from before its call on. The
// end of the tail is returned, and why the tail is broken there, if it is.
func (r *Receiver) Fence(ctx context.Context, f Fence) (storage.Mark, error) {
	return storage.Mark{}, errors.New("not built yet")
}
