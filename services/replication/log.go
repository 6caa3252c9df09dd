package replication

import (
	"context"

	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/position"
)

// Log is a Journal together with the Tail that its messages fold to. Its methods may be called by any number of
// goroutines.
type Log struct{}

// NewLog makes the log of a journal; base is the end of what bolt has applied (storage.Store.Applied).
func NewLog(j *Journal, base storage.Mark) *Log { return nil }

// Journal gives the journal behind it.
func (l *Log) Journal() *Journal { return nil }

// Read takes in everything that the journal holds now. What does not follow is not an error of Read: Tail.Broken says it.
func (l *Log) Read(ctx context.Context) error { return errStub }

// Follow reads as messages are stored, and calls changed after each reading that took something in, until ctx ends.
func (l *Log) Follow(ctx context.Context, changed func()) error { return errStub }

// View runs f with the tail, which must not leave f.
func (l *Log) View(f func(*Tail)) {}

// End is the end of the history as the journal has it.
func (l *Log) End() storage.Mark { return storage.Mark{} }

// Append makes the frame of entries durable in the own journal (A3) under the term of the last Fence and takes it into
// the tail. Errors as of Journal.Append, and storage.ErrGap or ErrDiverged when it does not follow.
func (l *Log) Append(ctx context.Context, entries []storage.Stored, committed position.Position) error {
	return errStub
}

// Fence fences the journal and takes in everything up to the marker. A tail that is broken is cut at its end, so that
// what is appended next follows.
func (l *Log) Fence(ctx context.Context, f Fence) error { return errStub }

// Cut drops durably what lies beyond end, which must be a mark of the tail.
func (l *Log) Cut(ctx context.Context, end storage.Mark) error { return errStub }

// Applied moves the tail's base to what bolt has applied and gives up what the journal no longer needs.
func (l *Log) Applied(ctx context.Context, base storage.Mark) error { return errStub }
