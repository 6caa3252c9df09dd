package operator

import (
	"context"
	"fmt"
	"net/http"

	"github.com/hotpair/hotpair/bus"
)

func (h *handler) alarms(w http.ResponseWriter, r *http.Request) error {
	if err := query(r, nil, nil); err != nil {
		return err
	}
	list := h.host.Alarms(r.Context())
	list.Alarms, list.Hooks = orEmpty(list.Alarms), orEmpty(list.Hooks)
	return answer(w, list)
}

func (h *handler) ackAlarm(w http.ResponseWriter, r *http.Request) error {
	var q AckRequest
	if err := arguments(r, &q); err != nil {
		return err
	}
	if !bus.ValidName(q.ID) {
		return fmt.Errorf("%w: id %q is no alarm's; %s lists them", ErrUsage, q.ID, PathAlarms)
	}
	return carryOut(h, w, r, "alarms ack "+q.ID, answerWithin, func(ctx context.Context, caller Caller) (Acknowledged, error) {
		return h.host.AckAlarm(ctx, caller, q)
	})
}
