package winservice

import (
	"context"
	"time"
)

// Order is an order of the system to a service.
type Order int

// The orders that a service follows.
const (
	Ask Order = iota // report the state
	End              // the service, or the system, stops
)

// Told is a service's report to the system. The next one must follow within Within: otherwise it counts as hung.
type Told struct {
	State  State
	Within time.Duration
	Step   uint32 // counts up while it starts or stops
}

// within is how long the system waits for the next word of a service that starts or stops, and again when such a word comes. A start waits for a
// disk, an end for answers that are on their way.
const (
	within = 30 * time.Second
	again  = within / 3
)

// Follow runs a service: it reports its progress, ends when it is ordered to, and returns the error of run. up is
// called when it is ready.
func Follow(ctx context.Context, orders <-chan Order, tell func(Told), run func(ctx context.Context, up func()) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	up, done := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		done <- run(ctx, func() {
			select {
			case up <- struct{}{}:
			default:
			}
		})
	}()
	now := Told{State: Starting, Within: within, Step: 1}
	tell(now)
	tick := time.NewTicker(again)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-up:
			if now.State == Starting {
				now = Told{State: Running}
				tell(now)
			}
		case <-tick.C:
			if now.State == Starting || now.State == Stopping {
				now.Step++
				tell(now)
			}
		case o, open := <-orders:
			switch {
			case !open:
				orders = nil
			case o == Ask:
				tell(now)
			case o == End && now.State != Stopping:
				now = Told{State: Stopping, Within: within, Step: 1}
				tell(now)
				cancel()
			}
		}
	}
}
