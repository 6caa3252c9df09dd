package storage

import (
	"cmp"
	"log/slog"
	"math/bits"
	"time"

	"github.com/hotpair/hotpair/storage/layout"
	"github.com/hotpair/hotpair/storage/position"
)

// Options of a Store. The zero value is usable: every bound has a default.
type Options struct {
	// Host and Identity are those of the data directory's owner (facts.json). A database made by another is
	// refused with ErrForeign. Empty ones are not compared, and filled in by the first open that has them.
	Host, Identity string
	// MaxUpdates, MaxAge and MaxBytes bound the history: entries beyond any of them are trimmed, oldest first.
	// They are each host's own. Defaults: 1,000,000 entries, 7 days of pair time, 1 GiB of stored bytes.
	MaxUpdates uint64
	MaxAge     time.Duration
	MaxBytes   int64
	// KeepHistory: the bounds do not count, nothing is trimmed. It is for opening a pair's data without its settings.
	KeepHistory bool
	// InitialMmapSize is the address space reserved for the database, in bytes: while the file is smaller no
	// commit ever waits for a view. It costs no memory. Default 16 GiB, and 1 GiB where addresses have 32 bits.
	InitialMmapSize int
	// WatchSpace is a key space whose changes are counted by Store.Changes; empty: none is.
	WatchSpace string
	// Logger gets what an operator can act on. Default: nothing is logged.
	Logger *slog.Logger
}

// initialMmapSize is 16 GiB with addresses of 64 bits, and 1 GiB with 32.
const initialMmapSize = 1 << (30 + 4*(bits.UintSize/64))

// withDefaults fills in what was left open.
func (o Options) withDefaults() Options {
	o.MaxUpdates = cmp.Or(o.MaxUpdates, 1_000_000)
	o.MaxAge = cmp.Or(o.MaxAge, 7*24*time.Hour)
	o.MaxBytes = cmp.Or(o.MaxBytes, 1<<30)
	o.InitialMmapSize = cmp.Or(o.InitialMmapSize, initialMmapSize)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Stats are figures of a store for metrics and status.
type Stats struct {
	Committed, Applied position.Position
	Notified           position.Position
	// OverlayEntries and OverlayBytes are committed entries not yet applied.
	OverlayEntries int
	OverlayBytes   int64
	// HistoryFirst is the first sequence still in the history, HistoryBytes the stored bytes of the applied part.
	HistoryFirst uint64
	HistoryBytes int64
	// FileBytes is the size of the database file, FreePages how many of its pages are free (4 KiB each).
	FileBytes int64
	FreePages int
	// Flushes and FlushTime count transactions and the time they took in all, since Open.
	Flushes   uint64
	FlushTime time.Duration
	// PairTime is the time of the last committed entry, in Unix nanoseconds.
	PairTime int64
}

// What the database file says of the history and of a copy stands in its layout; these are the names of what a Store gives.
type (
	SnapshotProgress = layout.SnapshotProgress
	EpochStart       = layout.EpochStart
)
