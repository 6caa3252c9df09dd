package operations

import (
	"context"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/role"
)

// verifyPace is how often main checks whether a comparison that it began has ended.
const verifyPace = 500 * time.Millisecond

// answerVerify answers the calls that compare both databases.
func (o *Operations) answerVerify(r *registry.Registry) {
	registry.Answer(r, operator.CallVerify, o.beginVerify)
	registry.Answer(r, operator.CallVerifyState, o.verifyState)
	registry.Answer(r, operator.CallStopVerify, o.stopVerify)
}

// beginVerify begins a comparison of both databases and returns at once. Only the active can.
func (o *Operations) beginVerify(ctx context.Context, caller operator.Caller, q operator.VerifyRequest) (bus.VerifyState, error) {
	order := bus.VerifyOrder{ID: caller.ID, By: caller.By(), Repair: q.Repair}
	s, err := verifyOrder(ctx, o, bus.CallVerify, order)
	if err != nil {
		return s, err
	}
	if q.Repair {
		o.noteOutcome(caller, operator.CallVerify.Name, "the standby's database is compared and repaired, for "+caller.By())
	}
	o.Group.Go(func() { o.followVerify(caller) })
	return s, nil
}

// verifyState returns the progress of the running comparison, or the result of the last one, which both hosts know.
func (o *Operations) verifyState(ctx context.Context, _ operator.Caller, _ operator.None) (bus.VerifyState, error) {
	return verifyOrder(ctx, o, bus.CallVerifyState, bus.VerifyQuestion{})
}

// stopVerify ends the running comparison.
func (o *Operations) stopVerify(ctx context.Context, _ operator.Caller, _ operator.None) (bus.VerifyState, error) {
	return verifyOrder(ctx, o, bus.CallVerifyStop, bus.VerifyQuestion{})
}

func verifyOrder[Q any](ctx context.Context, o *Operations, e bus.Endpoint[Q, bus.VerifyState], q Q) (bus.VerifyState, error) {
	s, err := e.PostWait(ctx, o.Calls, q, callWithin)
	return s, updaterSaid(err)
}

// followVerify waits until the comparison has ended, makes an event of its result, and raises or clears the alarm.
func (o *Operations) followVerify(caller operator.Caller) {
	for {
		if err := pace.Rest(o.ctx, verifyPace); err != nil {
			return
		}
		s, err := verifyOrder(o.ctx, o, bus.CallVerifyState, bus.VerifyQuestion{})
		switch {
		case err != nil && !o.Processes.IsUp(bus.ProcessUpdater):
			o.noteOutcome(caller, operator.CallVerify.Name, "the comparison of both databases was aborted: the updater ended")
			return
		case err != nil || s.Running:
			continue
		}
		o.noteOutcome(caller, operator.CallVerify.Name, operator.VerifySentence(s))
		o.judgeVerify(s)
		return
	}
}

// judgeVerify raises or clears the alarm for the result of a comparison.
func (o *Operations) judgeVerify(s bus.VerifyState) {
	switch {
	case s.Clean():
		o.Alarms.Clear(alarms.VerifyMismatch)
	case s.Different > s.Repaired:
		o.Alarms.Raise(alarms.VerifyMismatch, operator.VerifySentence(s))
	}
}

// recallVerify reads the result of the last comparison: the alarm belongs to the pair, and the active raises it, also
// one that has just become active. It is called at changes of role and of the system's key space.
func (o *Operations) recallVerify() {
	if o.Machine.View().Role != role.Active {
		o.Alarms.Clear(alarms.VerifyMismatch)
		return
	}
	s, err := o.verifyState(o.ctx, operator.Caller{}, operator.None{})
	if err == nil && s.ID != "" && !s.Running {
		o.judgeVerify(s)
	}
}
