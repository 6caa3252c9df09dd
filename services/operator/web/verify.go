package web

import (
	"context"
	"net/http"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
)

func (h *handler) verify(w http.ResponseWriter, r *http.Request) error {
	var q operator.VerifyRequest
	if err := arguments(r, &q); err != nil {
		return err
	}
	return carryOut(h, w, r, "verify", operator.AnswerWithin, func(ctx context.Context, caller operator.Caller) (bus.VerifyState, error) {
		return h.host.BeginVerify(ctx, caller, q)
	})
}

func (h *handler) verifyState(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), operator.AnswerWithin)
	defer cancel()
	s, err := h.host.VerifyState(ctx, operator.Caller{From: r.RemoteAddr})
	if err != nil {
		return err
	}
	return answer(w, s)
}

func (h *handler) stopVerify(w http.ResponseWriter, r *http.Request) error {
	if err := emptyBody(r); err != nil {
		return err
	}
	return carryOut(h, w, r, "end of verify", operator.AnswerWithin, h.host.StopVerify)
}
