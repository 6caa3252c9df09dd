package operations

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/role"
)

const (
	// switchoverDeadline bounds a planned switchover that an operator waits for.
	switchoverDeadline = 15 * time.Second
	// servesWithin bounds the wait before it for a host that is about to serve.
	servesWithin = 10 * time.Second
	// witnessWithin bounds the question to the witness before it.
	witnessWithin = 2 * time.Second
)

// waiters wait for a state of the role machine.
type waiters struct {
	mu   sync.Mutex
	wait map[chan struct{}]func(role.View) bool
}

// wake wakes the waiters whose state the machine has reached.
func (w *waiters) wake(v role.View) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c, come := range w.wait {
		if come(v) {
			close(c)
			delete(w.wait, c)
		}
	}
}

// until waits until the machine's view satisfies wanted.
func (w *waiters) until(ctx context.Context, wanted func(role.View) bool) error {
	c := make(chan struct{})
	w.mu.Lock()
	if w.wait == nil {
		w.wait = map[chan struct{}]func(role.View) bool{}
	}
	w.wait[c] = wanted
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.wait, c)
		w.mu.Unlock()
	}()
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answerSwitchover answers the call for a switchover.
func (o *Operations) answerSwitchover(r *registry.Registry) {
	registry.Answer(r, operator.CallSwitchover, o.switchover)
}

// successor is the host that serves in a later epoch.
type successor struct {
	host  string
	epoch uint64
}

// successorOf returns the host that serves in a later epoch; zero while none does. The other host says so in its
// heartbeat, which may come before this one has read the pair record of that epoch: the record in a heartbeat is only
// a hint to read it.
func successorOf(v role.View, than uint64) successor {
	switch {
	case v.Peer.Role == role.Active && v.Peer.Epoch > than && v.Peer.Serving:
		return successor{v.Peer.Host, v.Peer.Epoch}
	case v.Role == role.Active && v.Epoch > than && v.Serving:
		return successor{v.Self.Host, v.Epoch}
	}
	return successor{}
}

// comesUp reports whether a host is about to serve: it is taking over, or its updater was restarted.
func comesUp(v role.View) bool { return v.Role == role.Takeover || v.Role == role.Active && !v.Serving }

// awaitServing waits for this host if it is about to serve: a moment later the switchover would not be refused.
func (o *Operations) awaitServing(ctx context.Context, caller operator.Caller) {
	if !comesUp(o.Machine.View()) {
		return
	}
	o.say("the switchover requested by %s waits until this host serves, at most %s", caller.By(), servesWithin)
	ctx, cancel := context.WithTimeout(ctx, servesWithin)
	defer cancel()
	_ = o.waiters.until(ctx, func(v role.View) bool { return !comesUp(v) }) // else it is refused, with the reason
}

// mayAsk refuses a switchover while the witness can't record it: this host would stop serving, and none could take over.
func (o *Operations) mayAsk(ctx context.Context) error {
	if o.Machine.View().WitnessReplaced {
		return fmt.Errorf("%w: another witness answers, so no host could take over and the service would stop; see hotpair explain", operator.ErrRefused)
	}
	ctx, cancel := context.WithTimeout(ctx, witnessWithin)
	defer cancel()
	if _, err := o.Record.Read(ctx); err != nil {
		return fmt.Errorf("%w: the witness can't be reached, so no host could take over and the service would stop; "+
			"start the witness, or fix the network to it, then ask again: %w", operator.ErrRefused, err)
	}
	return nil
}

// switchover hands over to the other host and returns when it serves.
func (o *Operations) switchover(ctx context.Context, caller operator.Caller, _ operator.None) (operator.Switchover, error) {
	o.awaitServing(ctx, caller)
	if err := o.mayAsk(ctx); err != nil {
		return operator.Switchover{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, switchoverDeadline)
	defer cancel()
	began := time.Now()
	events, stop := o.Events.Listen()
	defer stop()
	before := o.Machine.View()
	// Waiting begins before the order, so that nothing is missed.
	serves := make(chan error, 1)
	var next successor // once it serves
	go func() {
		serves <- o.waiters.until(ctx, func(v role.View) bool {
			next = successorOf(v, before.Epoch)
			return next != successor{}
		})
	}()
	actions, _, err := o.Machine.Ask(ctx, role.SwitchoverWanted{Cause: caller.By()})
	if err != nil {
		return operator.Switchover{}, fmt.Errorf("%w: %w", operator.ErrUnavailable, err)
	}
	for _, a := range actions {
		if refusal, ok := a.(role.Refuse); ok {
			return operator.Switchover{}, fmt.Errorf("%w: %s", operator.ErrRefused, refusal.Reason)
		}
	}
	err = <-serves
	after := o.Machine.View()
	if err != nil {
		next = successor{after.Record.Active.Host, after.Record.Epoch}
	}
	result := operator.Switchover{ID: caller.ID, From: o.Host.Host, Active: next.host, Epoch: next.epoch, Took: time.Since(began)}
	for drained := false; !drained; {
		select {
		case e := <-events:
			result.Steps = append(result.Steps, e)
		default:
			drained = true
		}
	}
	switch {
	case err != nil:
		return result, fmt.Errorf("%w: no host was seen to serve in a higher epoch within %s", operator.ErrUnfinished, switchoverDeadline)
	case next.host == o.Host.Host:
		return result, fmt.Errorf("%w: %s did not take over; %s serves again", operator.ErrUnfinished, before.Peer.Host, o.Host.Host)
	}
	return result, nil
}
