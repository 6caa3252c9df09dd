package mainprocess

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/role"
)

// askedFresh is how long terminals may take to say whom they see: an operator waits for it, so it is not tight.
const askedFresh = 500 * time.Millisecond

// promotePlan says what a forced promotion of this very host would mean. Nothing is done.
func (h *host) promotePlan(ctx context.Context, _ operator.Caller, _ operator.None) (operator.PromotePlan, error) {
	m, err := h.clone(ctx)
	if err != nil {
		return operator.PromotePlan{}, err
	}
	force, now := m.Force(), h.clock()
	plan := operator.PromotePlan{
		Host: h.config.Host, Refused: force.Against, Needless: force.Needless, AcceptLoss: strconv.FormatUint(force.Missing, 10),
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
		plan.Note = "what " + orName(force.Active.Host) + " acknowledged since it was last heard is not known here and comes on top"
	}
	asked, err := bus.CallAskTerminals.PostWait(ctx, h.orders, bus.AskTerminals{Within: askedFresh}, askedFresh+orderDeadline/5)
	if err != nil {
		plan.Note = "terminals could not be asked: " + err.Error()
	}
	plan.Asked, plan.Fresh = asked.Asked, asked.Fresh
	return plan, nil
}

func orName(name string) string {
	if name == "" {
		return "the other host"
	}
	return name
}

// promote makes this very host serve, accepting the loss.
func (h *host) promote(ctx context.Context, caller operator.Caller, request operator.PromoteRequest) (operator.Promoted, error) {
	accepted, unknown, err := request.Loss()
	if err != nil {
		return operator.Promoted{}, err
	}
	plan, err := h.promotePlan(ctx, caller, operator.None{})
	if err != nil {
		return operator.Promoted{}, err
	}
	began := time.Now()
	done := operator.Promoted{ID: caller.ID, Active: h.config.Host, Plan: plan}
	v, err := h.takeOver(ctx, role.ForceWanted{By: callerName(caller), Accepted: accepted, Unknown: unknown})
	done.Epoch, done.Took = v.Epoch, time.Since(began)
	return done, err
}

// takeOver gives an order that makes this host serve, and waits until it does.
func (h *host) takeOver(ctx context.Context, in role.Input) (role.View, error) {
	if err := h.wanted(ctx, in); err != nil {
		return role.View{}, err
	}
	err := h.reach(ctx, func(v role.View) bool { return v.Serving || v.Role != role.Takeover && v.Role != role.Active })
	v := h.driver.View()
	switch {
	case err != nil:
		return v, fmt.Errorf("%w: %s does not serve yet: %w", operator.ErrUnfinished, h.config.Host, err)
	case !v.Serving:
		return v, fmt.Errorf("%w: %s is %s again; the events say why", operator.ErrUnfinished, h.config.Host, v.Role)
	}
	return v, nil
}

// admit lets a replaced host or witness in.
func (h *host) admit(ctx context.Context, caller operator.Caller, request operator.AdmitRequest) (operator.Admitted, error) {
	done := operator.Admitted{ID: caller.ID}
	if request.Who != operator.AdmitWitness {
		v, err := h.takeOver(ctx, role.AdmitWanted{By: callerName(caller), Host: request.Who})
		done.Active, done.Epoch, done.RecordVersion = v.Record.Active.Host, v.Record.Epoch, v.Record.Version
		return done, err
	}
	if err := h.wanted(ctx, role.WitnessWanted{By: callerName(caller)}); err != nil {
		return done, err
	}
	err := h.reach(ctx, func(v role.View) bool { return !v.WitnessReplaced || v.Role != role.Active })
	v := h.driver.View()
	done.Active, done.Epoch, done.RecordVersion, done.WitnessID = v.Record.Active.Host, v.Record.Epoch, v.Record.Version, v.Record.WitnessID
	if err != nil || v.WitnessReplaced {
		return done, fmt.Errorf("%w: the pair record has not moved yet; the events say why", operator.ErrUnfinished)
	}
	return done, nil
}

// replacedWitness says that another witness answers than the one that keeps the pair record.
func replacedWitness(v role.View) string {
	return fmt.Sprintf("witness %s answers, which is new; %s keeps the pair record: hotpair admit witness", v.WitnessID, v.Record.WitnessID)
}
