package updater

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// group owns goroutines that work until its context ends, and ends it with the first error of one of them.
type group struct {
	ctx    context.Context
	fail   context.CancelCauseFunc
	failed func(error) // told of an error instead of fail, when another group decides the end
	group  sync.WaitGroup

	mu      sync.Mutex
	working map[string]int
}

func newGroup(ctx context.Context) *group {
	ctx, cancel := context.WithCancelCause(ctx)
	return &group{ctx: ctx, fail: cancel, failed: cancel, working: map[string]int{}}
}

// run starts a goroutine. Its error counts unless it only says that the context has ended.
func (c *group) run(name string, f func(context.Context) error) {
	c.note(name, 1)
	c.group.Add(1)
	go func() {
		defer c.group.Done()
		defer c.note(name, -1)
		if err := f(c.ctx); err != nil && c.ctx.Err() == nil {
			c.failed(fmt.Errorf("%s: %w", name, err))
		}
	}()
}

func (c *group) note(name string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.working[name] += n; c.working[name] == 0 {
		delete(c.working, name)
	}
}

// errLate says that goroutines did not end in time.
var errLate = errors.New("did not stop in time")

// wait waits for all, which were told to end before. The error names those that did not.
func (c *group) wait(limit time.Duration) error {
	if err := within(limit, "", func() error { c.group.Wait(); return nil }); err == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for name := range c.working {
		names = append(names, name)
	}
	return fmt.Errorf("%v: %w", names, errLate)
}

// within runs f, but waits for it no longer than limit: what belongs to a disk that does not answer is left behind by a
// process that ends.
func within(limit time.Duration, what string, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return fmt.Errorf("%s: %w", what, errLate)
	}
}
