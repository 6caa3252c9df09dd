package leaving

import (
	"context"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// Term is the term that is served, if one is.
type Term interface {
	// Serves gives the error of a question about a term that is not served; 0 is any.
	Serves(epoch uint64) error
	// Order has an update of the pair itself taken into a frame of a term; 0 is the one that is served. The answer is given once, when
	// it is committed or refused.
	Order(epoch uint64, orders Orders, answer func(bus.DatabaseReply)) error
}

// Commit has orders committed in a term, and gives what came of them. The error says that nobody knows: there is no such term, or ctx has
// ended.
func Commit(ctx context.Context, t Term, epoch uint64, orders Orders) (bus.DatabaseReply, error) {
	done := make(chan bus.DatabaseReply, 1)
	if err := t.Order(epoch, orders, func(r bus.DatabaseReply) { done <- r }); err != nil {
		return bus.DatabaseReply{}, err
	}
	select {
	case r := <-done:
		return r, nil
	case <-ctx.Done():
		return bus.DatabaseReply{}, context.Cause(ctx)
	}
}

// longestWait bounds how long a question waits for a change.
const longestWait = 30 * time.Second

// Version counts the changes of something, for those who wait for the next one. It may be used by any number of goroutines.
type Version struct {
	mu      sync.Mutex
	now     uint64
	changed chan struct{}
}

// NewVersion begins with a number, which is not 0.
func NewVersion(first uint64) *Version { return &Version{now: first, changed: make(chan struct{})} }

// Rise tells those who wait that there is a change.
func (v *Version) Rise() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now++
	close(v.changed)
	v.changed = make(chan struct{})
}

// Latest is how many changes there were, from the first number on.
func (v *Version) Latest() uint64 {
	now, _ := v.latest()
	return now
}

func (v *Version) latest() (now uint64, changed <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now, v.changed
}

// Await waits for another version than the one that was seen, for as long as a question may wait and its term is served.
func (v *Version) Await(ctx context.Context, t Term, epoch, seen uint64, wait time.Duration) (uint64, error) {
	patience := time.NewTimer(min(wait, longestWait))
	defer patience.Stop()
	for {
		now, changed := v.latest()
		if err := t.Serves(epoch); err != nil {
			return 0, err
		}
		if now != seen || wait <= 0 {
			return now, nil
		}
		select {
		case <-changed:
		case <-patience.C:
			return now, nil
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}
