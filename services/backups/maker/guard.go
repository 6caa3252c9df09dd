package maker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// ErrStalled says that nothing has moved for too long.
var ErrStalled = errors.New("nothing moved")

// guard ends a context if nothing has moved for a while.
type guard struct {
	ctx      context.Context
	cancel   context.CancelCauseFunc
	patience time.Duration
	timer    *time.Timer

	mu   sync.Mutex
	what string // the current step
}

// watch starts a guard.
func watch(ctx context.Context, patience time.Duration) (*guard, context.Context) {
	g := &guard{patience: patience}
	g.ctx, g.cancel = context.WithCancelCause(ctx)
	g.timer = time.AfterFunc(patience, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.cancel(fmt.Errorf("%s: %w for %s", g.what, ErrStalled, patience))
	})
	return g, g.ctx
}

// context is for work on this machine: each of its looks at the context counts as a movement.
func (g *guard) context() context.Context { return moving{g.ctx, g} }

// moving is a context that counts each look at it as a sign of life.
type moving struct {
	context.Context
	guard *guard
}

// Err implements context.Context.
func (m moving) Err() error {
	m.guard.moved()
	return m.Context.Err()
}

// step sets the current step.
func (g *guard) step(what string) {
	g.mu.Lock()
	g.what = what
	g.mu.Unlock()
	g.moved()
}

// moved records a movement.
func (g *guard) moved() {
	if g.ctx.Err() == nil {
		g.timer.Reset(g.patience)
	}
}

// reason returns why something failed: after a stall, that is the reason, not the resulting error.
func (g *guard) reason(err error) error {
	if cause := context.Cause(g.ctx); cause != nil && errors.Is(err, context.Canceled) {
		return cause
	}
	return err
}

// end ends it.
func (g *guard) end() {
	g.timer.Stop()
	g.cancel(nil)
}

// reader reads until the context ends; each read counts as a movement.
func (g *guard) reader(in io.Reader) io.Reader { return guarded{in, g} }

type guarded struct {
	in    io.Reader
	guard *guard
}

func (r guarded) Read(b []byte) (int, error) {
	if r.guard.ctx.Err() != nil {
		return 0, context.Cause(r.guard.ctx)
	}
	n, err := r.in.Read(b)
	if n > 0 {
		r.guard.moved()
	}
	return n, err
}
