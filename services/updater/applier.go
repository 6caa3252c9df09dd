package updater

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
)

const (
	// applyPace is how long committed frames gather before they are applied in one transaction: at once, it cost half
	// the rate of updates.
	applyPace = 150 * time.Millisecond
	// applyBytes is when they are applied sooner, so that one transaction stays below about a second.
	applyBytes = 8 << 20
	// roomBytes bounds what is committed but not applied; beyond it frames wait.
	roomBytes = 64 << 20
)

// applier brings bolt up behind, in both roles: what is committed becomes applied, many frames in one transaction, and
// the journal is given up behind what bolt safely holds. Nothing that could be undone ever reaches bolt, because only
// committed entries are in the store's overlay.
type applier struct {
	store *storage.Store
	// purge tells the journal what bolt holds.
	purge func(context.Context, history.Mark) error
	// room bounds the overlay in bytes.
	room int64

	kicked chan struct{} // something is committed
	urgent chan struct{} // a caller waits for it to be applied

	mu      sync.Mutex
	changed chan struct{} // closed and replaced after each flush
}

func newApplier(store *storage.Store, room int64, purge func(context.Context, history.Mark) error) *applier {
	return &applier{
		store: store, purge: purge, room: min(room, roomBytes),
		kicked: make(chan struct{}, 1), urgent: make(chan struct{}, 1), changed: make(chan struct{}),
	}
}

// kick tells that there may be something to apply. Never blocks.
func (a *applier) kick() { nudge(a.kicked) }

// hurry has it applied now. Never blocks.
func (a *applier) hurry() { nudge(a.urgent) }

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// roomy reports whether there is room for another frame; if not, the channel is closed when there may be. It has nothing
// applied: who waits hurries.
func (a *applier) roomy() (bool, <-chan struct{}) {
	a.mu.Lock()
	changed := a.changed
	a.mu.Unlock()
	return a.store.Bytes() < a.room, changed
}

// run applies until ctx ends. An idle host is not woken up. Its errors are those of a disk: the process ends (R8).
func (a *applier) run(ctx context.Context) error {
	for {
		select {
		case <-a.kicked:
			if err := a.gather(ctx); err != nil {
				return nil
			}
		case <-a.urgent:
		case <-ctx.Done():
			return nil
		}
		if err := a.apply(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// gather lets frames come together.
func (a *applier) gather(ctx context.Context) error {
	pace := time.NewTimer(applyPace)
	defer pace.Stop()
	for a.store.Bytes() < min(applyBytes, a.room) {
		select {
		case <-pace.C:
			return nil
		case <-a.kicked:
		case <-a.urgent:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// apply is one transaction, and the purge of the journal behind it.
func (a *applier) apply(ctx context.Context) error {
	mark, err := a.store.Flush(ctx)
	if err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	if err := a.purge(ctx, mark); err != nil {
		return fmt.Errorf("purge the journal up to %v: %w", mark.Position, err)
	}
	a.mu.Lock()
	close(a.changed)
	a.changed = make(chan struct{})
	a.mu.Unlock()
	return nil
}
