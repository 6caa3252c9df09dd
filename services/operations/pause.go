package operations

import (
	"context"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/role"
)

// peerHears bounds the wait for the other host's confirmation that it knows what was written.
const peerHears = 500 * time.Millisecond

// answerPause answers the calls that pause and resume automatic takeover.
func (o *Operations) answerPause(r *registry.Registry) {
	registry.Answer(r, operator.CallPause, o.pause)
	registry.Answer(r, operator.CallResume, o.resume)
}

// pause suspends automatic takeover and hand-over on both hosts.
func (o *Operations) pause(ctx context.Context, caller operator.Caller, request operator.PauseRequest) (operator.PauseResult, error) {
	d, err := request.Duration()
	if err != nil {
		return operator.PauseResult{}, err
	}
	return o.setPause(ctx, caller, role.Pause{Until: time.Now().Add(d).UTC().Round(time.Millisecond), For: d, By: caller.By()})
}

// resume ends a pause before its time.
func (o *Operations) resume(ctx context.Context, caller operator.Caller, _ operator.None) (operator.PauseResult, error) {
	return o.setPause(ctx, caller, role.Pause{})
}

// setPause writes a pause to the pair record and waits until it is stored.
func (o *Operations) setPause(ctx context.Context, caller operator.Caller, p role.Pause) (operator.PauseResult, error) {
	result := operator.PauseResult{ID: caller.ID, Host: o.Host.Host}
	settled := func(v role.View) bool { return !v.Pausing }
	if err := o.wanted(ctx, role.PauseWanted{Pause: p}); err != nil {
		return result, err
	}
	if err := o.reach(ctx, settled); err != nil {
		return result, fmt.Errorf("%w: the pair record could not be changed yet, and may still be: %w", operator.ErrUnfinished, err)
	}
	v := o.Machine.View()
	if !v.Record.Pause.Equal(p) && !(p.None() && v.PausedUntil == 0) { // without a witness a standby resumes for itself
		return result, fmt.Errorf("%w: the pair record could not be changed; the events say why", operator.ErrUnfinished)
	}
	result.RecordVersion, result.Pause = v.Record.Version, PauseOf(v, o.Clock())
	wait, cancel := context.WithTimeout(ctx, peerHears)
	defer cancel()
	err := o.reach(wait, func(v role.View) bool { return v.Peer.Record.Version >= result.RecordVersion })
	result.PeerKnows = err == nil
	return result, nil
}

// wanted gives an order to the role machine. The error is ErrRefused with the reason.
func (o *Operations) wanted(ctx context.Context, in role.Input) error {
	actions, _, err := o.Machine.Ask(ctx, in)
	if err != nil {
		return fmt.Errorf("%w: %w", operator.ErrUnavailable, err)
	}
	for _, a := range actions {
		if refusal, ok := a.(role.Refuse); ok {
			return fmt.Errorf("%w: %s", operator.ErrRefused, refusal.Reason)
		}
	}
	return nil
}

// reach waits until the machine's view satisfies wanted; it may already.
func (o *Operations) reach(ctx context.Context, wanted func(role.View) bool) error {
	if wanted(o.Machine.View()) {
		return nil
	}
	return o.waiters.until(ctx, wanted) // checked after each step, and there is one at each heartbeat
}

// PauseOf returns the pause in force on a host, nil when there is none.
func PauseOf(v role.View, now time.Duration) *operator.Pause {
	if v.PausedUntil <= now {
		return nil
	}
	p := v.Record.Pause
	return &operator.Pause{Until: p.Until, LeftMS: (v.PausedUntil - now).Milliseconds() + 1, By: p.By, Deferred: v.Deferred}
}

// endingSoon is how long before its end a pause raises an alarm: time to finish, or to pause again.
const endingSoon = 5 * time.Minute

// watchPause raises and clears the alarms about a pause: on the host that serves, because both know of it, or on both
// while nobody serves.
func (o *Operations) watchPause() {
	v, now := o.Machine.View(), o.Clock()
	p := PauseOf(v, now)
	if p == nil || v.Role != role.Active && v.Lives && v.Peer.Epoch != 0 {
		o.Alarms.Clear(alarms.Paused)
		o.Alarms.Clear(alarms.PauseEnding)
		return
	}
	text := fmt.Sprintf("automatic takeover is paused by %s until %s UTC", p.By, p.Until.UTC().Format(time.TimeOnly))
	if p.Deferred != "" {
		text += "; deferred: " + p.Deferred
	}
	o.Alarms.Raise(alarms.Paused, text)
	left := time.Duration(p.LeftMS) * time.Millisecond
	if left <= min(endingSoon, v.Record.Pause.For/4) {
		o.Alarms.Raise(alarms.PauseEnding, fmt.Sprintf("the pause by %s ends at %s UTC: automatic takeover is on again from then", p.By, p.Until.UTC().Format(time.TimeOnly)))
	} else {
		o.Alarms.Clear(alarms.PauseEnding)
	}
}
