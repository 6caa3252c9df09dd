package courier

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/lease"
)

// subscribeWithin bounds the round trip after which all subscriptions stand.
const subscribeWithin = 5 * time.Second

// Environment is the environment of a courier. Each nil field is the machine's; a simulation sets its own.
type Environment struct {
	Network bus.Network
	Clock   lease.Clock
	Wall    func() time.Time
	Dial    Dial
}

// Run runs the process. It returns nil when ctx has ended, and an error when main's bus is gone.
func Run(ctx context.Context, c config.Courier, log *slog.Logger) error {
	return RunOn(ctx, c, log, Environment{})
}

// RunOn is Run on another environment than the machine.
func RunOn(ctx context.Context, c config.Courier, log *slog.Logger, g Environment) error {
	if g.Clock == nil {
		g.Clock = lease.BootClock
	}
	if g.Wall == nil {
		g.Wall = time.Now
	}
	complaints := make(chan error, 1)
	conns, err := bus.ConnectHost(ctx, bus.ConnConfig{
		Name: bus.ProcessCourier, URL: c.BusURL, User: c.BusUser, Password: c.BusPassword.Reveal(), Inbox: c.BusInbox, Network: g.Network, Once: true,
		Complaint: func(err error) {
			select {
			case complaints <- err:
			default: // the first one ends the process
			}
		},
	})
	if err != nil {
		return err
	}
	defer conns.Close()
	var present atomic.Pointer[round]
	var on environment
	heart := bus.NewHeart(conns.Control, bus.ProcessCourier, bus.HeartInterval(c.Lease), func() (bool, any) {
		return true, on.state()
	})
	on = environment{
		updater: Calls{conns.Traffic}, right: newRight(g.Clock), wall: g.Wall, dial: g.Dial, log: log, slots: make(chan struct{}, atOnce),
		sent: new(atomic.Uint64), tries: new(atomic.Uint64), present: &present,
	}
	if _, err := conns.Control.Subscribe(bus.SubjectRight, on.takeRight); err != nil {
		return fmt.Errorf("hear %s: %w", bus.SubjectRight, err)
	}
	subscribing, cancel := context.WithTimeout(ctx, subscribeWithin)
	err = conns.Flush(subscribing)
	cancel()
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		_ = heart.Run(ctx) // ends with ctx only
		return nil
	})
	group.Go(func() error {
		on.run(ctx)
		return nil
	})
	group.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case err := <-complaints:
			return fmt.Errorf("bus: %w", err)
		case <-conns.Traffic.Up().Done():
			return fmt.Errorf("bus: %w", context.Cause(conns.Traffic.Up()))
		case <-conns.Control.Up().Done():
			return fmt.Errorf("bus: %w", context.Cause(conns.Control.Up()))
		}
	})
	log.Info("Ready to send emissions")
	return group.Wait()
}

// state is the state for main. Counters are reported without a right too: they never fall while the process runs.
func (g *environment) state() outbox.EmissionState {
	s := outbox.EmissionState{}
	if r := g.present.Load(); r != nil {
		s = r.state()
	}
	s.Sent, s.Tries = g.sent.Load(), g.tries.Load()
	return s
}

// takeRight receives the right to answer from main.
func (g *environment) takeRight(m *nats.Msg) {
	var r lease.Right
	if err := bus.DecodeJSON(m.Data, &r); err != nil {
		g.log.Error("message with the right to answer is unreadable", "error", err)
		r = lease.Right{}
	}
	g.right.set(r)
}

// run works in each term of this host until ctx ends.
func (g *environment) run(ctx context.Context) {
	for {
		epoch := g.right.await(ctx)
		if epoch == 0 {
			return
		}
		r := newRound(*g, epoch)
		working, end := g.right.during(ctx, epoch)
		g.present.Store(r)
		r.run(working)
		end()
		g.present.Store(nil)
	}
}
