package operator

import (
	"context"
	"fmt"
	"net/http"
)

func (h *handler) doctor(w http.ResponseWriter, r *http.Request) error {
	if err := emptyBody(r); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), doctorWithin)
	defer cancel()
	d, err := h.host.Doctor(ctx)
	if err != nil {
		return err
	}
	d.Findings = orEmpty(d.Findings)
	return answer(w, d)
}

func (h *handler) explain(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), explainWithin)
	defer cancel()
	e, err := h.host.Explain(ctx)
	if err != nil {
		return err
	}
	e.Why, e.Next, e.Hosts, e.Times = orEmpty(e.Why), orEmpty(e.Next), orEmpty(e.Hosts), orEmpty(e.Times)
	return answer(w, e)
}

func (h *handler) pause(w http.ResponseWriter, r *http.Request) error {
	var request PauseRequest
	if err := arguments(r, &request); err != nil {
		return err
	}
	if _, err := request.Duration(); err != nil {
		return err
	}
	return carryOut(h, w, r, CallPause, pauseWithin, func(ctx context.Context, caller Caller) (PauseResult, error) {
		return h.host.Pause(ctx, caller, request)
	})
}

func (h *handler) resume(w http.ResponseWriter, r *http.Request) error {
	if err := emptyBody(r); err != nil {
		return err
	}
	return carryOut(h, w, r, CallResume, pauseWithin, h.host.Resume)
}

func (h *handler) promotePlan(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	plan, err := h.host.PromotePlan(ctx)
	if err != nil {
		return err
	}
	plan.Fresh = orEmpty(plan.Fresh)
	return answer(w, plan)
}

func (h *handler) promote(w http.ResponseWriter, r *http.Request) error {
	var request PromoteRequest
	if err := arguments(r, &request); err != nil {
		return err
	}
	if _, _, err := request.Loss(); err != nil {
		return err
	}
	return carryOut(h, w, r, "promote", promoteWithin, func(ctx context.Context, caller Caller) (Promoted, error) {
		done, err := h.host.Promote(ctx, caller, request)
		done.Plan.Fresh = orEmpty(done.Plan.Fresh)
		return done, err
	})
}

func (h *handler) admitReplaced(w http.ResponseWriter, r *http.Request) error {
	var request AdmitRequest
	if err := arguments(r, &request); err != nil {
		return err
	}
	if request.Who == "" {
		return fmt.Errorf("%w: who is the name of the replaced host, or %q", ErrUsage, AdmitWitness)
	}
	return carryOut(h, w, r, CallAdmit, promoteWithin, func(ctx context.Context, caller Caller) (Admitted, error) {
		return h.host.Admit(ctx, caller, request)
	})
}

func (h *handler) schedule(w http.ResponseWriter, r *http.Request) error {
	var request ScheduleRequest
	if err := arguments(r, &request); err != nil {
		return err
	}
	if request.At.IsZero() {
		return fmt.Errorf("%w: at is a time like 2026-03-04T03:00:00Z", ErrUsage)
	}
	return carryOut(h, w, r, CallSchedule, answerWithin, func(ctx context.Context, caller Caller) (Scheduled, error) {
		return h.host.Schedule(ctx, caller, request)
	})
}

func (h *handler) cancelSchedule(w http.ResponseWriter, r *http.Request) error {
	if err := emptyBody(r); err != nil {
		return err
	}
	return carryOut(h, w, r, CallScheduleCancel, answerWithin, h.host.CancelSchedule)
}
