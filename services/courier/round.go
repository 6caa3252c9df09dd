package courier

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/services/pace"
)

const (
	// watchFor is how long the updater lets a question wait for a change.
	watchFor = 10 * time.Second
	// watchPause is between two such questions, so that much that changes costs few of them.
	watchPause = 5 * time.Millisecond
)

// Updater is the updater of one host. Its errors end nothing: the call is repeated.
type Updater interface {
	Pending(context.Context, waybill.Question) (waybill.Pending, error)
	Target(context.Context, waybill.TargetQuestion) (waybill.Setting, error)
	Lanes(context.Context, waybill.Lanes) (waybill.Listing, error)
	Head(context.Context, waybill.HeadQuestion) (waybill.Head, error)
	Record(context.Context, waybill.Outcome) error
}

// Calls is an Updater that calls the updater over the bus.
type Calls struct{ Conn bus.Asker }

// Pending implements Updater.
func (c Calls) Pending(ctx context.Context, q waybill.Question) (waybill.Pending, error) {
	return waybill.CallPending.Ask(ctx, c.Conn, q)
}

// Target implements Updater.
func (c Calls) Target(ctx context.Context, q waybill.TargetQuestion) (waybill.Setting, error) {
	return waybill.CallTarget.Ask(ctx, c.Conn, q)
}

// Lanes implements Updater.
func (c Calls) Lanes(ctx context.Context, q waybill.Lanes) (waybill.Listing, error) {
	return waybill.CallLanes.Ask(ctx, c.Conn, q)
}

// Head implements Updater.
func (c Calls) Head(ctx context.Context, q waybill.HeadQuestion) (waybill.Head, error) {
	return waybill.CallHead.Ask(ctx, c.Conn, q)
}

// Record implements Updater.
func (c Calls) Record(ctx context.Context, o waybill.Outcome) error {
	_, err := waybill.CallRecord.Ask(ctx, c.Conn, o)
	return err
}

// environment is what a courier stands on.
type environment struct {
	updater Updater
	right   *right
	wall    func() time.Time
	dial    Dial
	log     *slog.Logger
	slots   chan struct{}          // tries at one time, for all targets
	sent    *atomic.Uint64         // with a good answer
	tries   *atomic.Uint64         // all of them
	present *atomic.Pointer[round] // that is under way
}

// round is the courier's work in one term.
type round struct {
	environment
	epoch uint64

	mu      sync.Mutex
	last    waybill.Pending
	targets map[string]*running
}

// running is a target with its loop.
type running struct {
	*target
	end  context.CancelFunc
	done chan struct{}
}

func newRound(g environment, epoch uint64) *round {
	return &round{environment: g, epoch: epoch, targets: map[string]*running{}}
}

// run works until ctx ends, and returns when no post is in flight.
func (r *round) run(ctx context.Context) {
	defer r.stop()
	for ctx.Err() == nil {
		r.mu.Lock()
		seen := r.last.Version
		r.mu.Unlock()
		asking, cancel := context.WithTimeout(ctx, watchFor+askWithin)
		p, err := r.updater.Pending(asking, waybill.Question{Epoch: r.epoch, Seen: seen, Wait: watchFor})
		cancel()
		if err != nil {
			r.log.Debug("the updater does not return the emissions to send", "error", err)
			_ = pace.Rest(ctx, askPause)
			continue
		}
		r.take(ctx, p)
		_ = pace.Rest(ctx, watchPause)
	}
}

// take starts new targets, updates existing ones, and ends those that are gone.
func (r *round) take(ctx context.Context, p waybill.Pending) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = p
	there := make(map[string]bool, len(p.Targets))
	for _, set := range p.Targets {
		there[set.Name] = true
		t := r.targets[set.Name]
		if t == nil {
			working, end := context.WithCancel(ctx)
			t = &running{newTarget(r, set.Name), end, make(chan struct{})}
			r.targets[set.Name] = t
			go func() {
				defer close(t.done)
				t.run(working)
			}()
		}
		t.update(p, set)
	}
	for name, t := range r.targets {
		if !there[name] {
			t.end()
			delete(r.targets, name)
		}
	}
}

// stop ends all targets and waits for them.
func (r *round) stop() {
	r.mu.Lock()
	list := r.targets
	r.targets = map[string]*running{}
	r.mu.Unlock()
	for _, t := range list {
		t.end()
	}
	for _, t := range list {
		<-t.done
	}
}

// state is the state of a term for main.
func (r *round) state() outbox.EmissionState {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := outbox.EmissionState{Targets: len(r.last.Targets), Deferred: r.last.Deferred}
	for _, t := range r.last.Targets {
		s.Waiting, s.Parked = s.Waiting+t.Waiting, s.Parked+t.Parked
	}
	for _, t := range r.targets {
		t.mu.Lock()
		s.Out += len(t.working)
		if why := t.set.Unreadable; why != "" && (s.Since.IsZero() || t.spoiledAt.Before(s.Since)) {
			s.Failing, s.Since, s.Why = t.name, t.spoiledAt.UTC(), "its stored settings can't be read: "+why
		}
		if lane := t.oldest(); lane != "" && t.set.Waiting > 0 {
			if f := t.rests[lane]; s.Since.IsZero() || f.since.Before(s.Since) {
				s.Failing, s.Since, s.Why = t.name, f.since.UTC(), "lane "+lane+": "+f.why
			}
		}
		t.mu.Unlock()
	}
	return s
}
