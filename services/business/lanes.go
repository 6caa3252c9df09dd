package business

import (
	"context"
	"slices"
	"sync"
)

// lanes lets requests that contend for the same keys take turns.
//
// Without it, of n requests for one key each frame commits one and sends n-1 back to start again, and the winner is
// random. With it, a request that had a conflict queues for the keys of the conflict, and one that reads a key with a
// queue joins its end. All keys with a scanned prefix are one key here (lineOf). All requests for a service's keys pass
// through this one process, so that is enough. It is only an optimisation: safety rests on the conditions of the
// commit, never on this.
//
// Nobody waits while holding a lane, and several are entered in the order of their keys, so there is no deadlock.
type lanes struct {
	mu    sync.Mutex
	lanes map[string]*lane
}

// lane exists while somebody holds it.
type lane struct {
	waiting []chan struct{}
}

func newLanes() *lanes { return &lanes{lanes: map[string]*lane{}} }

// contended returns those of the keys that somebody holds.
func (l *lanes) contended(keys []string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lanes) == 0 {
		return nil
	}
	var taken []string
	for _, key := range keys {
		if l.lanes[key] != nil {
			taken = append(taken, key)
		}
	}
	return taken
}

// enter waits for each key's turn. The keys entered are returned, in any case, and must be left; the error is ctx's
// cause.
func (l *lanes) enter(ctx context.Context, keys []string) ([]string, error) {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	keys = slices.Compact(keys)
	for i, key := range keys {
		if err := l.enterOne(ctx, key); err != nil {
			return keys[:i], err
		}
	}
	return keys, nil
}

func (l *lanes) enterOne(ctx context.Context, key string) error {
	l.mu.Lock()
	one := l.lanes[key]
	if one == nil {
		l.lanes[key] = &lane{}
		l.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	one.waiting = append(one.waiting, turn)
	l.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	i := slices.Index(one.waiting, turn)
	if i >= 0 {
		one.waiting = slices.Delete(one.waiting, i, i+1)
	}
	l.mu.Unlock()
	if i < 0 {
		l.leave([]string{key}) // the turn came at the same moment
	}
	return context.Cause(ctx)
}

// leave passes each key to its longest waiter.
func (l *lanes) leave(keys []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		one := l.lanes[key]
		if len(one.waiting) == 0 {
			delete(l.lanes, key)
			continue
		}
		close(one.waiting[0])
		one.waiting = one.waiting[1:]
	}
}
