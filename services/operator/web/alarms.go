package web

import (
	"context"
	"fmt"
	"net/http"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
)

func (h *handler) alarms(w http.ResponseWriter, r *http.Request) error {
	if err := query(r, nil, nil); err != nil {
		return err
	}
	list := h.host.Alarms(r.Context())
	list.Alarms, list.Hooks = operator.OrEmpty(list.Alarms), operator.OrEmpty(list.Hooks)
	return answer(w, list)
}

func (h *handler) ackAlarm(w http.ResponseWriter, r *http.Request) error {
	var q operator.AckRequest
	if err := arguments(r, &q); err != nil {
		return err
	}
	if !bus.ValidName(q.ID) {
		return fmt.Errorf("%w: id %q is no alarm's; %s lists them", operator.ErrUsage, q.ID, operator.PathAlarms)
	}
	return carryOut(h, w, r, "alarms ack "+q.ID, operator.AnswerWithin, func(ctx context.Context, caller operator.Caller) (operator.Acknowledged, error) {
		return h.host.AckAlarm(ctx, caller, q)
	})
}
