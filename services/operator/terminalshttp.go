package operator

import (
	"context"
	"fmt"
	"net/http"
)

func (h *handler) terminals(w http.ResponseWriter, r *http.Request) error {
	q := TerminalsRequest{}
	limit := uint64(listTerminals)
	if err := query(r, map[string]*string{"after": &q.After}, map[string]*uint64{"limit": &limit}); err != nil {
		return err
	}
	if limit < 1 || limit > mostTerminals {
		return fmt.Errorf("%w: limit is 1 to %d", ErrUsage, mostTerminals)
	}
	q.Limit = int(limit)
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	page, err := h.host.Terminals(ctx, Caller{From: r.RemoteAddr}, q)
	if err != nil {
		return err
	}
	return answer(w, page)
}

func (h *handler) addTerminals(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Terminals []TerminalAddress `json:"terminals"`
	}
	if err := arguments(r, &body); err != nil {
		return err
	}
	if n := len(body.Terminals); n < 1 || n > changeTerminals {
		return fmt.Errorf("%w: terminals names 1 to %d terminals", ErrUsage, changeTerminals)
	}
	return carryOut(h, w, r, "addition of terminals", switchoverWithin, func(ctx context.Context, caller Caller) (TerminalsChanged, error) {
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
	if n := len(body.IDs); n < 1 || n > changeTerminals {
		return fmt.Errorf("%w: ids names 1 to %d terminals", ErrUsage, changeTerminals)
	}
	return carryOut(h, w, r, "removal of terminals", switchoverWithin, func(ctx context.Context, caller Caller) (TerminalsChanged, error) {
		return h.host.RemoveTerminals(ctx, caller, body.IDs)
	})
}

func (h *handler) probeTerminals(w http.ResponseWriter, r *http.Request) error {
	var q ProbeRequest
	if err := arguments(r, &q); err != nil {
		return err
	}
	if q.Limit == 0 {
		q.Limit = probeTerminals
	}
	if q.Limit < 1 || q.Limit > probeTerminals || len(q.IDs) > probeTerminals {
		return fmt.Errorf("%w: at most %d terminals are probed at once", ErrUsage, probeTerminals)
	}
	ctx, cancel := context.WithTimeout(r.Context(), probeWithin)
	defer cancel()
	page, err := h.host.ProbeTerminals(ctx, Caller{From: r.RemoteAddr}, q)
	if err != nil {
		return err
	}
	return answer(w, page)
}
