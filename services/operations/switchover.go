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
	// switchoverDeadline bounds a planned switchover as an operator waits for it.
	switchoverDeadline = 15 * time.Second
	// servesWithin bounds how long it waits before that for a host that is about to serve.
	servesWithin = 10 * time.Second
)

// waiters wait for something that the role machine comes to.
type waiters struct {
	mu   sync.Mutex
	wait map[chan struct{}]func(role.View) bool
}

// wake tells who waits for something that the machine has just come to.
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

// until waits until the machine's view is as wanted.
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

// answerSwitchover answers who hands over to whom.
func (o *Operations) answerSwitchover(r *registry.Registry) {
	registry.Answer(r, operator.CallSwitchover, o.switchover)
}

// successor is who serves in a later epoch.
type successor struct {
	host  string
	epoch uint64
}

// successorOf finds who serves in a later epoch than one; zero while nobody does. The other host says so in its beat, which may be
// before this one has read the pair record of that epoch: a record in a beat is only a hint to read it.
func successorOf(v role.View, than uint64) successor {
	switch {
	case v.Peer.Role == role.Active && v.Peer.Epoch > than && v.Peer.Serving:
		return successor{v.Peer.Host, v.Peer.Epoch}
	case v.Role == role.Active && v.Epoch > than && v.Serving:
		return successor{v.Self.Host, v.Epoch}
	}
	return successor{}
}

// comesUp reports whether a host is about to serve: it takes over, or its updater was started anew.
func comesUp(v role.View) bool { return v.Role == role.Takeover || v.Role == role.Active && !v.Serving }

// awaitServing waits for this host when it is about to serve: asked a moment later the switchover would not be refused for that.
func (o *Operations) awaitServing(ctx context.Context, caller operator.Caller) {
	if !comesUp(o.Machine.View()) {
		return
	}
	o.say("the switchover that %s wants waits until this host serves, at most %s", caller.By(), servesWithin)
	ctx, cancel := context.WithTimeout(ctx, servesWithin)
	defer cancel()
	_ = o.waiters.until(ctx, func(v role.View) bool { return !comesUp(v) }) // else it is refused, with the reason
}

// switchover hands over to the other host and returns when it serves.
func (o *Operations) switchover(ctx context.Context, caller operator.Caller, _ operator.None) (operator.Switchover, error) {
	o.awaitServing(ctx, caller)
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
		return result, fmt.Errorf("%w: nobody was seen to serve in a higher epoch within %s", operator.ErrUnfinished, switchoverDeadline)
	case next.host == o.Host.Host:
		return result, fmt.Errorf("%w: %s did not take over; %s serves again", operator.ErrUnfinished, before.Peer.Host, o.Host.Host)
	}
	return result, nil
}
