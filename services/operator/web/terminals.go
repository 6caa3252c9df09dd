package web

import (
	"context"
	"fmt"
	"net/http"

	"github.com/hotpair/hotpair/services/operator"
)

func (h *handler) terminals(w http.ResponseWriter, r *http.Request) error {
	q := operator.TerminalsRequest{}
	limit := uint64(operator.DefaultTerminals)
	if err := query(r, map[string]*string{"after": &q.After}, map[string]*uint64{"limit": &limit}); err != nil {
		return err
	}
	if limit < 1 || limit > operator.MaxTerminals {
		return fmt.Errorf("%w: limit is 1 to %d", operator.ErrUsage, operator.MaxTerminals)
	}
	q.Limit = int(limit)
	ctx, cancel := context.WithTimeout(r.Context(), operator.AnswerWithin)
	defer cancel()
	page, err := h.host.Terminals(ctx, operator.Caller{From: r.RemoteAddr}, q)
	if err != nil {
		return err
	}
	return answer(w, page)
}

func (h *handler) addTerminals(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Terminals []operator.TerminalAddress `json:"terminals"`
	}
	if err := arguments(r, &body); err != nil {
		return err
	}
	if n := len(body.Terminals); n < 1 || n > operator.MaxChanged {
		return fmt.Errorf("%w: terminals names 1 to %d terminals", operator.ErrUsage, operator.MaxChanged)
	}
	return carryOut(h, w, r, "addition of terminals", operator.SwitchoverWithin, func(ctx context.Context, caller operator.Caller) (operator.TerminalsChanged, error) {
		return h.host.AddTerminals(ctx, caller, body.Terminals)
	})
}

func (h *handler) removeTerminals(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		IDs []string `json:"ids"`
	}
	if err := arguments(r, &body); err != nil {
		return err
	}
	if n := len(body.IDs); n < 1 || n > operator.MaxChanged {
		return fmt.Errorf("%w: ids names 1 to %d terminals", operator.ErrUsage, operator.MaxChanged)
	}
	return carryOut(h, w, r, "removal of terminals", operator.SwitchoverWithin, func(ctx context.Context, caller operator.Caller) (operator.TerminalsChanged, error) {
		return h.host.RemoveTerminals(ctx, caller, body.IDs)
	})
}

func (h *handler) probeTerminals(w http.ResponseWriter, r *http.Request) error {
	var q operator.ProbeRequest
	if err := arguments(r, &q); err != nil {
		return err
	}
	if q.Limit == 0 {
		q.Limit = operator.MaxProbed
	}
	if q.Limit < 1 || q.Limit > operator.MaxProbed || len(q.IDs) > operator.MaxProbed {
		return fmt.Errorf("%w: at most %d terminals are probed at once", operator.ErrUsage, operator.MaxProbed)
	}
	ctx, cancel := context.WithTimeout(r.Context(), operator.ProbeWithin)
	defer cancel()
	page, err := h.host.ProbeTerminals(ctx, operator.Caller{From: r.RemoteAddr}, q)
	if err != nil {
		return err
	}
	return answer(w, page)
}
