package world

import (
	"context"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/pair"
)

const (
	statusWithin = 5 * time.Second
	askEvery     = 20 * time.Millisecond
	// healWithin is in the world's time, so it does not depend on the machine.
	healWithin = 2 * time.Minute
)

// Status asks a host for its status on its own machine, whatever wires are cut.
func (w *World) Status(ctx context.Context, host string) (operator.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	s, err := w.clients[host].Status(ctx)
	if err != nil {
		return s, fmt.Errorf("host %s: %w", host, err)
	}
	return s, nil
}

// Paired reports whether one host serves all terminals and both hold every acknowledged update, as both say.
func (w *World) Paired(ctx context.Context) bool {
	for _, host := range pair.Hosts() {
		active, err := w.Status(ctx, host)
		if err != nil || !active.Serves() {
			continue
		}
		standby, err := w.Status(ctx, pair.Other(host))
		return err == nil && standby.Role == "standby" && len(standby.InSync) == 2 && len(active.InSync) == 2 &&
			active.Terminals.Attached == w.options.Terminals
	}
	return false
}

// Await asks until a condition holds. The error says what did not happen within the world's time, and the state of
// the hosts.
func (w *World) Await(ctx context.Context, within time.Duration, what string, condition func() bool) error {
	for began := time.Now(); !condition(); time.Sleep(askEvery) {
		if time.Since(began) > within {
			return fmt.Errorf("no %s within %s: %s", what, within, w.describe(ctx))
		}
	}
	return nil
}

// AwaitPaired waits until the pair serves and is in sync. Errors: ErrNotHealed.
func (w *World) AwaitPaired(ctx context.Context) error {
	if err := w.Await(ctx, healWithin, "pair in sync that serves", func() bool { return w.Paired(ctx) }); err != nil {
		return fmt.Errorf("%w: %w", pair.ErrNotHealed, err)
	}
	return nil
}

func (w *World) describe(ctx context.Context) string {
	how := pair.Describe(func(host string) (operator.Status, error) { return w.Status(ctx, host) })
	if err := w.Err(); err != nil {
		how = fmt.Sprintf("%v; %s", err, how)
	}
	return how
}
