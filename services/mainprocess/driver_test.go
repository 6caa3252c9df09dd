package mainprocess

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/role"
)

// idle does nothing of what a machine orders.
type idle struct{}

func (idle) stepped(role.View, lease.Right) {}
func (idle) perform(role.Action)            {}

// A main that wakes up late tells its machine so whatever comes first: also what is no input of the machine (T11).
func TestDriver_IsToldOfItsLatenessBeforeAnything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const beats = time.Hour
		began, slept := time.Now(), time.Duration(0)
		clock := func() time.Duration { return time.Since(began) + slept }
		d := newDriver(role.New(role.Config{Host: "a", Lease: 8 * beats}, 0), clock, beats, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); _ = d.Run(ctx, idle{}) }()
		synctest.Wait() // it waits for what comes
		slept = 4 * beats
		steps := make(chan uint64, 1)
		d.during(ctx, func() { steps <- d.View().Steps })
		if got := <-steps; got != 1 {
			t.Errorf("the machine had taken %d inputs when something else was done, want the late tick", got)
		}
		cancel()
		<-ended
	})
}
