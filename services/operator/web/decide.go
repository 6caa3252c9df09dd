package web

import (
	"context"
	"fmt"
	"net/http"

	"github.com/hotpair/hotpair/services/operator"
)

func (h *handler) doctor(w http.ResponseWriter, r *http.Request) error {
	if err := emptyBody(r); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), operator.DoctorWithin)
	defer cancel()
	d, err := h.host.Doctor(ctx)
	if err != nil {
		return err
	}
	d.Findings = operator.OrEmpty(d.Findings)
	return answer(w, d)
}

func (h *handler) explain(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), operator.ExplainWithin)
	defer cancel()
	e, err := h.host.Explain(ctx)
	if err != nil {
		return err
	}
	e.Why, e.Next, e.Hosts, e.Times = operator.OrEmpty(e.Why), operator.OrEmpty(e.Next), operator.OrEmpty(e.Hosts), operator.OrEmpty(e.Times)
	return answer(w, e)
}

func (h *handler) pause(w http.ResponseWriter, r *http.Request) error {
	var request operator.PauseRequest
	if err := arguments(r, &request); err != nil {
		return err
	}
	if _, err := request.Duration(); err != nil {
		return err
	}
	return carryOut(h, w, r, operator.CallPause, operator.PauseWithin, func(ctx context.Context, caller operator.Caller) (operator.PauseResult, error) {
		return h.host.Pause(ctx, caller, request)
	})
}

func (h *handler) resume(w http.ResponseWriter, r *http.Request) error {
	if err := emptyBody(r); err != nil {
		return err
	}
	return carryOut(h, w, r, operator.CallResume, operator.PauseWithin, h.host.Resume)
}

func (h *handler) promotePlan(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), operator.AnswerWithin)
	defer cancel()
	plan, err := h.host.PromotePlan(ctx)
	if err != nil {
		return err
	}
	plan.Fresh = operator.OrEmpty(plan.Fresh)
	return answer(w, plan)
}

func (h *handler) promote(w http.ResponseWriter, r *http.Request) error {
	var request operator.PromoteRequest
	if err := arguments(r, &request); err != nil {
		return err
	}
	if _, _, err := request.Loss(); err != nil {
		return err
	}
	return carryOut(h, w, r, "promote", operator.PromoteWithin, func(ctx context.Context, caller operator.Caller) (operator.Promoted, error) {
		done, err := h.host.Promote(ctx, caller, request)
		done.Plan.Fresh = operator.OrEmpty(done.Plan.Fresh)
		return done, err
	})
}

func (h *handler) admitReplaced(w http.ResponseWriter, r *http.Request) error {
	var request operator.AdmitRequest
	if err := arguments(r, &request); err != nil {
		return err
	}
	if request.Who == "" {
		return fmt.Errorf("%w: who is the name of the replaced host, or %q", operator.ErrUsage, operator.AdmitWitness)
	}
	return carryOut(h, w, r, operator.CallAdmit, operator.PromoteWithin, func(ctx context.Context, caller operator.Caller) (operator.Admitted, error) {
		return h.host.Admit(ctx, caller, request)
	})
}

func (h *handler) schedule(w http.ResponseWriter, r *http.Request) error {
	var request operator.ScheduleRequest
	if err := arguments(r, &request); err != nil {
		return err
	}
	if request.At.IsZero() {
		return fmt.Errorf("%w: at is a time like 2026-03-04T03:00:00Z", operator.ErrUsage)
	}
	return carryOut(h, w, r, operator.CallSchedule, operator.AnswerWithin, func(ctx context.Context, caller operator.Caller) (operator.Scheduled, error) {
		return h.host.Schedule(ctx, caller, request)
	})
}

func (h *handler) cancelSchedule(w http.ResponseWriter, r *http.Request) error {
	if err := emptyBody(r); err != nil {
		return err
	}
	return carryOut(h, w, r, operator.CallScheduleCancel, operator.AnswerWithin, h.host.CancelSchedule)
}
