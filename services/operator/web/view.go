package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
)

func (h *handler) status(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), operator.AnswerWithin)
	defer cancel()
	return answer(w, operator.Whole(h.host.Status(ctx)))
}

func (h *handler) history(w http.ResponseWriter, r *http.Request) error {
	request, err := historyRequest(r.URL.RawQuery)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), operator.AnswerWithin)
	defer cancel()
	page, err := h.host.History(ctx, request)
	if err != nil {
		return err
	}
	page.Updates = operator.OrEmpty(page.Updates)
	return answer(w, page)
}

// historyRequest reads from and limit. The error is ErrUsage.
func historyRequest(query string) (bus.HistoryRequest, error) {
	request := bus.HistoryRequest{Limit: operator.DefaultHistory}
	values, err := url.ParseQuery(query)
	if err != nil {
		return request, fmt.Errorf("%w: %w", operator.ErrUsage, err)
	}
	for name, given := range values {
		if len(given) != 1 {
			return request, fmt.Errorf("%w: %s is given %d times", operator.ErrUsage, name, len(given))
		}
		number, err := strconv.ParseUint(given[0], 10, 63)
		switch {
		case name == "key":
			request.Key = given[0]
		case name == "service":
			request.Service = given[0]
		case name != "from" && name != "limit" && name != "before":
			return request, fmt.Errorf("%w: there is no parameter %q; there are from and before (sequences), limit, key and service", operator.ErrUsage, name)
		case err != nil:
			return request, fmt.Errorf("%w: %s=%q is no number", operator.ErrUsage, name, given[0])
		case name == "from":
			request.From = number
		case name == "before":
			request.Before = number
		case number < 1 || number > operator.MaxHistory:
			return request, fmt.Errorf("%w: limit is 1 to %d", operator.ErrUsage, operator.MaxHistory)
		default:
			request.Limit = int(number)
		}
	}
	return request, nil
}

func (h *handler) switchover(w http.ResponseWriter, r *http.Request) error {
	if err := emptyBody(r); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), operator.SwitchoverWithin)
	defer cancel()
	caller := h.called(r, operator.CallSwitchover)
	done, err := h.host.Switchover(ctx, caller)
	if err != nil {
		p := h.failed(operator.CallSwitchover, caller, err)
		if p.Result == nil && len(done.Steps) > 0 {
			p.Result = &done
		}
		return p
	}
	done.Steps = operator.OrEmpty(done.Steps)
	return answer(w, done)
}

func (h *handler) diverged(w http.ResponseWriter, r *http.Request) error {
	var q bus.AsideRequest
	var from, limit uint64
	if err := query(r, map[string]*string{"file": &q.File}, map[string]*uint64{"from": &from, "limit": &limit}); err != nil {
		return err
	}
	if limit > operator.MaxHistory || from > 1<<31 {
		return fmt.Errorf("%w: limit is at most %d", operator.ErrUsage, operator.MaxHistory)
	}
	q.From, q.Limit = int(from), int(limit)
	ctx, cancel := context.WithTimeout(r.Context(), operator.AnswerWithin)
	defer cancel()
	page, err := h.host.Diverged(ctx, q)
	if err != nil {
		return err
	}
	return answer(w, page)
}

func (h *handler) series(w http.ResponseWriter, _ *http.Request) error {
	s := h.host.Series(time.Time{})
	s.Points = operator.OrEmpty(s.Points)
	return answer(w, s)
}

// peerStatus answers with the other host's own status.
func (h *handler) peerStatus(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), operator.AnswerWithin)
	defer cancel()
	look, err := h.host.PeerLook(ctx, time.Now())
	if err != nil {
		return err
	}
	return answer(w, operator.Whole(look.Status))
}
