package turn

import (
	"context"
	"errors"
	"sync"
	"testing"
)

func TestTurn_IsHadByOneAtATime(t *testing.T) {
	one, at := New(), 0
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if err := one.Take(t.Context()); err != nil {
				t.Error(err)
				return
			}
			defer one.Give()
			at++ // the race detector sees two at once
		})
	}
	all.Wait()
	if at != 100 {
		t.Errorf("%d of 100 had it", at)
	}
}

func TestTurn_WaitingHeedsTheDeadline(t *testing.T) {
	one := New()
	if err := one.Take(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	waited := make(chan error)
	go func() { waited <- one.Take(ctx) }()
	cancel(gone)
	if err := <-waited; !errors.Is(err, ErrBusy) || !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
	one.Give()
	if err := one.Take(t.Context()); err != nil {
		t.Errorf("who gave up has it: %v", err)
	}
}
