package process

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/services/pace"
)

// ErrUnclean is Run's error if the process, told to stop, had to be killed or exited with an error.
var ErrUnclean = errors.New("process did not stop cleanly")

// Keeper keeps one process running until its context ends. Fill the fields and call Run once. Beat, Ready, Kill and
// Status may be called at any time and from any goroutine.
type Keeper struct {
	// Spec returns the next run: it is called before each start, so that each has fresh credentials. It may wait for
	// preconditions (and ends with ctx). Its error counts as a failure of the process.
	Spec func(ctx context.Context) (Spec, error)
	// Start starts a run; nil is the package's Start.
	Start Starter
	// Policy says when to start again; see DefaultPolicy.
	Policy Policy
	// Rand draws the jitter, in [0, 1); nil is math/rand/v2.
	Rand func() float64
	// Patience is the silence after which the process counts as frozen and is killed; 0 for a process that does not beat.
	Patience time.Duration
	// StartPatience is the silence allowed before the first beat of a run.
	StartPatience time.Duration
	// Grace is how long the process may take to stop before it is killed.
	Grace time.Duration
	// Events is called with each event, in order, on Run's goroutine: it must not wait for the process. May be nil.
	Events func(Event)
	// Turned is called each time that Run has checked the process, every sixteenth of Patience. May be nil.
	Turned func()

	mu       sync.Mutex
	status   Status
	starts   int
	name     string // of the last run
	child    Process
	watch    *Watch
	readied  chan struct{} // capacity 1: Ready was called for the current run
	renew    chan struct{} // capacity 1: another run is requested
	draining sync.WaitGroup
}

// Run keeps the process running. When ctx ends it stops the process and returns: nil, or ErrUnclean.
func (k *Keeper) Run(ctx context.Context) error {
	defer k.draining.Wait()
	defer k.set(func(s *Status) { s.State = StateStopped })
	restarts := &Restarts{Policy: k.Policy, Rand: k.Rand}
	if restarts.Rand == nil {
		restarts.Rand = rand.Float64
	}
	renew := k.wanted()
	anew := func() {
		restarts.Forget()
		k.set(func(s *Status) { s.GaveUp = false })
		k.emit(Renewing{})
	}
	for ctx.Err() == nil {
		switch end, err := k.once(ctx, restarts, renew); end {
		case stopped:
			return err
		case renewed:
			k.starts-- // the next one does not count as a restart
			anew()
			continue
		}
		delay, giveUp := restarts.Decide(time.Now())
		failures := restarts.Failures(time.Now())
		k.set(func(s *Status) { s.State = StateWaiting })
		if giveUp && !k.Status().GaveUp {
			k.set(func(s *Status) { s.GaveUp = true })
			k.emit(GaveUp{Failures: failures})
		}
		k.emit(Restarting{In: delay, Failures: failures})
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-renew:
			anew()
		}
		timer.Stop()
	}
	return nil
}

// ending is why a run is over.
type ending int

const (
	failed  ending = iota // on its own, or it did not begin
	stopped               // ordered by ctx
	renewed               // ordered by Renew
)

// once is one run of the process: from before its start until it is gone.
func (k *Keeper) once(ctx context.Context, restarts *Restarts, renew <-chan struct{}) (end ending, err error) {
	child, err := k.start(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return stopped, nil
		}
		k.set(func(s *Status) { s.Trouble = err.Error() })
		k.emit(NotStarted{Err: err})
		return failed, nil
	}
	began := time.Now()
	// Its last output is logged while the next run already starts.
	k.draining.Go(child.Close)
	k.emit(Started{PID: child.PID(), Restarts: k.Status().Restarts})

	look := time.NewTimer(0)
	look.Stop()
	defer look.Stop()
	var looks <-chan time.Time
	if k.Patience > 0 {
		look.Reset(pace.Next(k.watch.Interval()))
		looks = look.C
	}
	settled := time.NewTimer(0)
	settled.Stop()
	defer settled.Stop()
	for {
		select {
		case <-child.Done():
			k.gone(child.Wait(), false)
			return failed, nil
		case <-renew:
			k.set(func(s *Status) { s.State = StateStopping })
			exit, _ := child.Stop(k.Grace) // it is gone, whether it complained or had to be killed
			k.gone(exit, true)
			return renewed, nil
		case <-ctx.Done():
			k.set(func(s *Status) { s.State = StateStopping })
			exit, err := child.Stop(k.Grace)
			k.gone(exit, true)
			// Programs that do not handle SIGTERM end by its default action.
			if !exit.Clean() && exit.Signal != syscall.SIGTERM || err != nil {
				err = errors.Join(fmt.Errorf("%s: %w: %s", k.name, ErrUnclean, exit), err)
			}
			return stopped, err
		case <-looks:
			look.Reset(pace.Next(k.watch.Interval()))
			if k.Turned != nil {
				k.Turned()
			}
			if silent, frozen := k.look(time.Now()); frozen {
				looks = nil
				k.set(func(s *Status) { s.State = StateFrozen })
				_ = child.Kill() // it fails only if the child has gone; report after that, because reporting may be slow
				k.emit(Frozen{PID: child.PID(), Silent: silent})
			}
		case <-k.readied:
			k.emit(Ready{PID: child.PID(), Took: time.Since(began)})
			if k.Status().GaveUp {
				settled.Reset(restarts.SettledIn(time.Now()))
			}
		case <-settled.C:
			k.set(func(s *Status) { s.GaveUp = false })
			k.emit(Recovered{PID: child.PID()})
		}
	}
}

func (k *Keeper) start(ctx context.Context) (Process, error) {
	spec, err := k.Spec(ctx)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	start := k.Start
	if start == nil {
		start = startChild
	}
	child, err := start(spec)
	if err != nil {
		return nil, err
	}
	k.child, k.name = child, spec.Name
	k.watch = &Watch{Patience: k.Patience, StartPatience: k.StartPatience}
	k.readied = make(chan struct{}, 1)
	k.status.PID, k.status.State, k.status.Restarts = child.PID(), StateStarting, k.starts
	k.starts++
	return child, nil
}

func (k *Keeper) gone(exit Exit, ordered bool) {
	k.mu.Lock()
	k.child = nil
	gone := Exited{Exit: exit, Ordered: ordered}
	k.status.PID, k.status.Trouble = 0, gone.String()
	k.mu.Unlock()
	k.emit(gone)
}

func (k *Keeper) look(now time.Time) (time.Duration, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	frozen := k.watch.Frozen(now)
	return k.watch.Silent(), frozen
}

// Beat says that the process with this id showed life. A beat of an earlier run is ignored.
func (k *Keeper) Beat(pid int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.child != nil && k.status.PID == pid {
		k.watch.Beat()
	}
}

// Ready says that the process with this id is ready for its work; it counts as a beat. One call is enough.
func (k *Keeper) Ready(pid int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.child == nil || k.status.PID != pid || k.status.State != StateStarting {
		return
	}
	k.watch.Beat()
	k.status.State = StateReady
	k.readied <- struct{}{} // never blocks: once for each run
}

// Renew ends the present run, as Run's end would, and begins another one at once. This does not count as a failure,
// and earlier failures are forgotten, since the next run may be of another program. It does not wait; [Renewing]
// reports when it happens.
func (k *Keeper) Renew() {
	select {
	case k.wanted() <- struct{}{}:
	default: // another run is requested already
	}
}

// wanted receives a request of Renew.
func (k *Keeper) wanted() chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.renew == nil {
		k.renew = make(chan struct{}, 1)
	}
	return k.renew
}

// Kill kills the running process, if there is one. It counts as a failure, and the policy decides on the next start.
func (k *Keeper) Kill() error {
	k.mu.Lock()
	child := k.child
	k.mu.Unlock()
	if child == nil {
		return nil
	}
	return child.Kill()
}

// Status returns the present state of the process.
func (k *Keeper) Status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	status := k.status
	if status.State == "" {
		status.State = StateStopped
	}
	return status
}

func (k *Keeper) set(change func(*Status)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(&k.status)
}

func (k *Keeper) emit(e Event) {
	if k.Events != nil {
		k.Events(e)
	}
}
