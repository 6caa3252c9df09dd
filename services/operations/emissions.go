package operations

import (
	"context"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
)

// answerEmissions answers about emissions and their targets. Only the active can change them.
func (o *Operations) answerEmissions(r *registry.Registry) {
	registry.Answer(r, operator.CallEmissions, func(ctx context.Context, _ operator.Caller, q waybill.ListEmissions) (waybill.ListedEmissions, error) {
		list, err := waybill.CallList.PostWait(ctx, o.Calls, q, callWithin)
		if list.Emissions == nil {
			list.Emissions = []waybill.ShownEmission{}
		}
		return list, emissionsSaid(err)
	})
	registry.Answer(r, operator.CallReleaseEmission, o.changeEmission)
	registry.Answer(r, operator.CallDropEmission, o.changeEmission)
	registry.Answer(r, operator.CallReleaseDeferred, o.releaseDeferred)
	registry.Answer(r, operator.CallTargets, func(ctx context.Context, _ operator.Caller, _ operator.None) (waybill.TargetList, error) {
		list, err := waybill.CallTargets.PostWait(ctx, o.Calls, bus.Done{}, callWithin)
		if list.Targets == nil {
			list.Targets = []waybill.ShownTarget{}
		}
		return list, emissionsSaid(err)
	})
	registry.Answer(r, operator.CallSetTarget, o.setTarget)
	registry.Answer(r, operator.CallRemoveTarget, o.removeTarget)
}

// emissionsSaid is updaterSaid, and passes on that a named emission or target does not exist.
func emissionsSaid(err error) error {
	if errors.Is(err, bus.ErrAbsent) {
		return fmt.Errorf("%w: %w", operator.ErrRefused, err)
	}
	return updaterSaid(err)
}

// changeEmission releases or drops emissions.
func (o *Operations) changeEmission(ctx context.Context, caller operator.Caller, q waybill.ChangeEmissions) (waybill.EmissionsChanged, error) {
	done, err := waybill.CallChange.PostWait(ctx, o.Calls, q, operator.CallDropEmission.Within)
	done.ID = caller.ID
	if err := emissionsSaid(err); err != nil {
		return done, err
	}
	did := "released"
	if q.Drop {
		did = "dropped"
	}
	o.noteOutcome(caller, "emissions", fmt.Sprintf("%d emissions of lane %s of target %s %s by %s", done.Count, q.Lane, q.Target, did, caller.By()))
	return done, nil
}

// releaseDeferred releases the emissions that are deferred since updates were undone.
func (o *Operations) releaseDeferred(ctx context.Context, caller operator.Caller, _ operator.None) (waybill.EmissionsChanged, error) {
	done := waybill.EmissionsChanged{ID: caller.ID}
	_, err := waybill.CallRelease.PostWait(ctx, o.Calls, bus.Done{}, tableDeadline)
	if err := emissionsSaid(err); err != nil {
		return done, err
	}
	o.noteOutcome(caller, "emissions", "deferred emissions are sent again, released by "+caller.By())
	return done, nil
}

// setTarget makes or changes a target. Its secret appears in no event.
func (o *Operations) setTarget(ctx context.Context, caller operator.Caller, q waybill.SetTarget) (waybill.TargetChanged, error) {
	done, err := waybill.CallSet.PostWait(ctx, o.Calls, q, tableDeadline)
	done.ID = caller.ID
	if err := emissionsSaid(err); err != nil {
		return done, err
	}
	did := "changed"
	if q.New {
		did = "added"
	}
	o.noteOutcome(caller, "targets", fmt.Sprintf("target %s (%s) %s by %s", q.Name, done.Target.URL, did, caller.By()))
	return done, nil
}

// removeTarget removes a target.
func (o *Operations) removeTarget(ctx context.Context, caller operator.Caller, q waybill.RemoveTarget) (waybill.TargetChanged, error) {
	done, err := waybill.CallRemove.PostWait(ctx, o.Calls, q, operator.CallRemoveTarget.Within)
	done.ID = caller.ID
	if err := emissionsSaid(err); err != nil {
		return done, err
	}
	o.noteOutcome(caller, "targets", fmt.Sprintf("target %s removed by %s, %d of its emissions dropped", q.Name, caller.By(), done.Dropped))
	return done, nil
}
