package courier

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/lease"
)

// errNoRight is the cause of contexts that end because the host has lost the right to answer.
var errNoRight = errors.New("the right to answer is over")

// right is the host's right to answer, as main gave it last.
type right struct {
	clock lease.Clock

	mu      sync.Mutex
	now     lease.Right
	changed chan struct{} // closed and replaced when the right changes
}

func newRight(clock lease.Clock) *right { return &right{clock: clock, changed: make(chan struct{})} }

// set replaces the right.
func (r *right) set(to lease.Right) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = to
	close(r.changed)
	r.changed = make(chan struct{})
}

// epoch returns the epoch in which the host may answer now, 0 for none, for how long, and a channel that is closed
// when that changes.
func (r *right) epoch() (epoch uint64, left time.Duration, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if left = r.now.Until - r.clock(); r.now.Epoch == 0 || left <= 0 {
		return 0, 0, r.changed
	}
	return r.now.Epoch, left, r.changed
}

// holds reports whether the host may answer in an epoch.
func (r *right) holds(epoch uint64) bool {
	now, _, _ := r.epoch()
	return now == epoch && epoch != 0
}

// during returns a context that ends when the host loses the right to answer in the epoch. The right is shorter than a
// post may take, and renewed all the time, so it is watched while a post is in flight.
func (r *right) during(ctx context.Context, epoch uint64) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		for {
			now, left, changed := r.epoch()
			if now != epoch {
				cancel(errNoRight)
				return
			}
			timer := time.NewTimer(left)
			select {
			case <-timer.C:
			case <-changed:
			case <-ctx.Done():
			}
			timer.Stop()
			if ctx.Err() != nil {
				return
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

// await returns an epoch in which the host may answer, as soon as there is one; 0 when ctx has ended.
func (r *right) await(ctx context.Context) uint64 {
	for ctx.Err() == nil {
		epoch, _, changed := r.epoch()
		if epoch != 0 {
			return epoch
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return 0
}
