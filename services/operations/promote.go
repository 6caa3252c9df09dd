package operations

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/role"
)

// askedFresh bounds asking terminals which host they see: an operator waits for it, so it is generous.
const askedFresh = 500 * time.Millisecond

// answerPromote answers the calls that promote a host by force and that admit a replaced host or witness.
func (o *Operations) answerPromote(r *registry.Registry) {
	registry.Answer(r, operator.CallPromotePlan, o.promotePlan)
	registry.Answer(r, operator.CallPromote, o.promote)
	registry.Answer(r, operator.CallAdmit, o.admit)
}

// promotePlan says what a forced promotion of this host would mean. It changes nothing.
func (o *Operations) promotePlan(ctx context.Context, _ operator.Caller, _ operator.None) (operator.PromotePlan, error) {
	m, err := o.clone(ctx)
	if err != nil {
		return operator.PromotePlan{}, err
	}
	force, now := m.Force(), o.Clock()
	plan := operator.PromotePlan{
		Host: o.Host.Host, Refused: force.Against, Needless: force.Needless, AcceptLoss: strconv.FormatUint(force.Missing, 10),
		Own: force.Own.String(), Active: force.Active.Host,
	}
	if !force.Known {
		plan.AcceptLoss = operator.UnknownLoss
	}
	if force.Known && !force.Needless {
		plan.Other = force.Other.String()
	}
	if force.HeardAt > 0 {
		plan.Heard = time.Now().Add(force.HeardAt - now)
	}
	if !force.Needless {
		plan.Note = "updates that " + orName(force.Active.Host) + " acknowledged after it was last heard are not known here and are lost as well"
	}
	asked, err := bus.CallAskTerminals.PostWait(ctx, o.Calls, bus.AskTerminals{Within: askedFresh, Look: askedFresh / 2}, askedFresh+callWithin/5)
	if err != nil {
		plan.Note = "terminals could not be asked: " + err.Error()
	}
	plan.Asked, plan.Fresh = asked.Asked-asked.Silent, asked.Fresh
	return plan, nil
}

func orName(name string) string {
	if name == "" {
		return "the other host"
	}
	return name
}

// promote makes this host serve, accepting the loss.
func (o *Operations) promote(ctx context.Context, caller operator.Caller, request operator.PromoteRequest) (operator.Promoted, error) {
	accepted, unknown, err := request.Loss()
	if err != nil {
		return operator.Promoted{}, err
	}
	plan, err := o.promotePlan(ctx, caller, operator.None{})
	if err != nil {
		return operator.Promoted{}, err
	}
	began := time.Now()
	done := operator.Promoted{ID: caller.ID, Active: o.Host.Host, Plan: plan}
	v, err := o.takeOver(ctx, role.ForceWanted{By: caller.By(), Accepted: accepted, Unknown: unknown})
	done.Epoch, done.Took = v.Epoch, time.Since(began)
	return done, err
}

// takeOver gives the machine an order that makes this host serve, and waits until it does.
func (o *Operations) takeOver(ctx context.Context, in role.Input) (role.View, error) {
	if err := o.wanted(ctx, in); err != nil {
		return role.View{}, err
	}
	err := o.reach(ctx, func(v role.View) bool { return v.Serving || v.Role != role.Takeover && v.Role != role.Active })
	v := o.Machine.View()
	switch {
	case err != nil:
		return v, fmt.Errorf("%w: %s does not serve yet: %w", operator.ErrUnfinished, o.Host.Host, err)
	case !v.Serving:
		return v, fmt.Errorf("%w: %s is %s again; the events say why", operator.ErrUnfinished, o.Host.Host, v.Role)
	}
	return v, nil
}

// admit admits a replaced host or witness.
func (o *Operations) admit(ctx context.Context, caller operator.Caller, request operator.AdmitRequest) (operator.Admitted, error) {
	done := operator.Admitted{ID: caller.ID}
	if o.Keys != nil && o.Keys.Admit(request.Who) {
		// The witness admits its key from now on. Whether its data count is for the role machine to decide.
		v := o.Machine.View()
		done.Active, done.Epoch, done.RecordVersion = v.Record.Active.Host, v.Record.Epoch, v.Record.Version
		o.Main.Tell(bus.Event{Kind: bus.EventOperator, Epoch: v.Known, Text: fmt.Sprintf("%s readmits the replaced key of %s at the witness", caller.By(), request.Who)})
		return done, nil
	}
	if request.Who != operator.AdmitWitness {
		v, err := o.takeOver(ctx, role.AdmitWanted{By: caller.By(), Host: request.Who})
		done.Active, done.Epoch, done.RecordVersion = v.Record.Active.Host, v.Record.Epoch, v.Record.Version
		return done, err
	}
	if err := o.wanted(ctx, role.WitnessWanted{By: caller.By()}); err != nil {
		return done, err
	}
	err := o.reach(ctx, func(v role.View) bool { return !v.WitnessReplaced || v.Role != role.Active })
	v := o.Machine.View()
	done.Active, done.Epoch, done.RecordVersion, done.WitnessID = v.Record.Active.Host, v.Record.Epoch, v.Record.Version, v.Record.WitnessID
	if err != nil || v.WitnessReplaced {
		return done, fmt.Errorf("%w: the pair record has not changed yet; the events say why", operator.ErrUnfinished)
	}
	return done, nil
}
