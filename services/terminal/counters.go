package terminal

import (
	"context"
	"fmt"
	"sync"
)

// counters gives each request its number, never one twice, whenever the agent is killed: numbers are made durable in
// blocks before the first of a block is used. The next block is reserved in the background when half of the present
// block is used, so a request waits for the disk only if that takes longer than half a block.
//
// Numbers begin at 1 in each directory. The pair receives the sum of the number and the directory's base. Without the
// base, the requests of an agent whose directory was lost, or on a replaced terminal, would be refused as too old for a
// long time, and later receive the recorded answers of earlier requests with the same numbers. The pair sends the base
// at the first attach, because only the pair knows which numbers it has seen; a clock may be wrong by years.
type counters struct {
	store *store
	want  chan struct{} // one token: reserve a block

	mu    sync.Mutex
	last  uint64        // given out last
	limit uint64        // durable
	more  chan struct{} // closed when limit has risen
}

func newCounters(s *store) *counters {
	at := s.get().Counter
	c := &counters{store: s, want: make(chan struct{}, 1), last: at, limit: at, more: make(chan struct{})}
	c.want <- struct{}{}
	return c
}

// run reserves blocks until ctx ends. The error is ErrDisk.
func (c *counters) run(ctx context.Context) error {
	for {
		select {
		case <-c.want:
		case <-ctx.Done():
			return ctx.Err()
		}
		c.mu.Lock()
		limit := c.last + counterBlock
		c.mu.Unlock()
		if err := c.store.update(func(f *facts) { f.Counter = max(f.Counter, limit) }); err != nil {
			return fmt.Errorf("reserve counters: %w", err)
		}
		c.mu.Lock()
		c.limit = max(c.limit, limit)
		close(c.more)
		c.more = make(chan struct{})
		c.mu.Unlock()
	}
}

// take returns the next counter, or a channel to wait on before asking again.
func (c *counters) take() (uint64, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limit-c.last <= counterBlock/2 {
		select {
		case c.want <- struct{}{}:
		default:
		}
	}
	if c.last == c.limit {
		return 0, c.more
	}
	c.last++
	return c.last, nil
}
