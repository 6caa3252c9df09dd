package operations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/metrics"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
)

// answerViews answers about the state of this host and the pair, and about past events.
func (o *Operations) answerViews(r *registry.Registry) {
	registry.Answer(r, operator.CallStatus, func(ctx context.Context, caller operator.Caller, _ operator.None) (operator.Status, error) {
		return o.Main.Status(ctx).For(caller.Person), nil
	})
	registry.Answer(r, operator.CallPeer, registry.Plain(func(ctx context.Context) (operator.Status, error) {
		look, err := o.PeerLook(ctx, time.Now())
		return look.Status, err
	}))
	registry.Answer(r, operator.CallSeries, registry.Plain(func(context.Context) (operator.Series, error) { return o.Series(time.Time{}), nil }))
	registry.Answer(r, operator.CallHistory, o.history)
	registry.Answer(r, operator.CallDiverged, o.diverged)
	registry.Answer(r, operator.CallForgetDiverged, o.forgetDiverged)
	registry.Answer(r, operator.CallEvents, registry.Events(o.Read))
	registry.AnswerPart(r, operator.PartLook, o.ownLook)
}

// Series returns the measurements of the host's last minutes.
func (o *Operations) Series(after time.Time) operator.Series {
	return operator.Series{Host: o.Host.Host, Every: metrics.Every, Points: o.Points.Points(after)}
}

// history asks the updater for a page of the update history.
func (o *Operations) history(ctx context.Context, _ operator.Caller, request bus.HistoryRequest) (bus.HistoryPage, error) {
	page, err := bus.CallHistory.PostWait(ctx, o.Calls, request, callWithin)
	return page, updaterSaid(err)
}

// diverged returns the divergent updates of this host: the files, or the updates of one file.
func (o *Operations) diverged(ctx context.Context, _ operator.Caller, q bus.DivergentRequest) (bus.DivergentPage, error) {
	page, err := bus.CallDivergent.PostWait(ctx, o.Calls, q, callWithin)
	if errors.Is(err, bus.ErrAbsent) {
		return page, fmt.Errorf("%w: %w", operator.ErrUsage, err)
	}
	return page, updaterSaid(err)
}

// forgetDiverged makes this host no longer count and show divergent updates.
func (o *Operations) forgetDiverged(ctx context.Context, _ operator.Caller, q bus.ForgetDivergent) (bus.DivergentForgotten, error) {
	done, err := bus.CallForgetDivergent.PostWait(ctx, o.Calls, q, callWithin)
	if errors.Is(err, bus.ErrAbsent) {
		return done, fmt.Errorf("%w: %w", operator.ErrUsage, err)
	}
	return done, updaterSaid(err)
}

// ownLook returns this host's view of itself.
func (o *Operations) ownLook(ctx context.Context, _ operator.Caller, q operator.LookRequest) (operator.Look, error) {
	return operator.Look{Status: o.Main.Status(ctx), Points: o.Points.Points(q.After)}, nil
}

// PeerLook returns the other host's view of itself. Errors: ErrForward, and ErrUnavailable while there is no other
// host.
func (o *Operations) PeerLook(ctx context.Context, after time.Time) (operator.Look, error) {
	if !o.Machine.View().HasPeer {
		return operator.Look{}, fmt.Errorf("%w: the other host was not heard yet", operator.ErrUnavailable)
	}
	return registry.Other(ctx, o.registry, operator.PartLook, operator.Caller{Via: o.Host.Host}, operator.LookRequest{After: after})
}
