package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/query"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/refusals"
	"github.com/hotpair/hotpair/services/strictjson"
)

func text(w http.ResponseWriter, line string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, line+"\n") // a client that does not read gets no answer
	return nil
}

// answer writes JSON. An empty list is [] and never null, for programs that iterate over it.
func answer[T any](w http.ResponseWriter, v T) error {
	body, err := json.Marshal(listed(v))
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n'))
	return nil
}

// refuse answers with the problem, and counts it if the call was refused before it reached the host.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, p *operator.Problem) {
	switch p.Status {
	case http.StatusUnauthorized:
		h.refused.Count(refusals.HTTPToken)
	case http.StatusForbidden:
		kind := refusals.HTTPOrigin
		if p.Is(operator.ErrRole) {
			kind = refusals.HTTPRole
		}
		h.refused.Count(kind)
	case http.StatusTooManyRequests:
		h.refused.Count(refusals.HTTPOverloaded)
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		h.refused.Count(refusals.HTTPUnknown)
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		h.refused.Count(refusals.HTTPMalformed)
	}
	writeProblem(w, r, p)
}

// writeProblem answers an HTTP request with the problem.
func writeProblem(w http.ResponseWriter, r *http.Request, p *operator.Problem) {
	q := *p
	q.Instance = r.URL.Path
	body, err := json.Marshal(&q)
	if err != nil {
		http.Error(w, p.Title, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // a client that does not read gets no answer
}

// arguments decodes the body of a call. Unknown fields are refused, so that no caller believes that an unsupported
// option had an effect.
func arguments(r *http.Request, into any) error {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return &operator.Problem{Type: operator.ProblemType + "too-large", Title: "Body too large", Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("at most %d bytes", tooLarge.Limit)}
	case err != nil:
		return fmt.Errorf("%w: the body can't be read: %w", operator.ErrUsage, err)
	case len(bytes.TrimSpace(body)) == 0:
		return nil
	}
	if err := strictjson.Decode(body, into); err != nil {
		return fmt.Errorf("%w: the body: %w", operator.ErrUsage, err)
	}
	return nil
}

// operate executes an operation within its deadline and writes the answer. Calls that need more than the role view are
// recorded in log and events.
func (h *handler) operate(s registry.Served, w http.ResponseWriter, r *http.Request) error {
	prepared, err := s.Prepare(func(into any) error {
		if r.Method == http.MethodPost {
			return arguments(r, into)
		}
		if err := query.Decode(r.URL.RawQuery, into); err != nil {
			return fmt.Errorf("%w: %w", operator.ErrUsage, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	caller, err := h.caller(r, s.Info)
	if err != nil {
		return err
	}
	leave, err := h.turn(r.Context(), s.Info)
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(r.Context(), s.Within)
	defer cancel()
	if !s.Role.May(operator.Operate) {
		done, err := prepared.Do(ctx, caller)
		if err != nil {
			return err
		}
		return answer(w, done)
	}
	h.called(&caller, prepared.What)
	done, err := prepared.Do(ctx, caller)
	if err != nil {
		p := h.failed(prepared.What, caller, err)
		if part, ok := done.(operator.Switchover); ok && p.Result == nil && len(part.Steps) > 0 {
			p.Result = &part
		}
		return p
	}
	return answer(w, done)
}

// called assigns the id of a call and logs the call.
func (h *handler) called(caller *operator.Caller, what string) {
	caller.ID = rand.Text()
	h.log.Info(what+" wanted", "call", caller.ID, "name", caller.Name, "role", caller.Role, "from", caller.From, "reason", caller.Reason)
	h.host.Called(*caller, what, nil)
}

// failed logs that a call failed, and returns its problem with the call's id.
func (h *handler) failed(what string, caller operator.Caller, err error) *operator.Problem {
	h.log.Warn(what+" did not happen", "call", caller.ID, "name", caller.Name, "from", caller.From, "err", err)
	h.host.Called(caller, what, err)
	p := *operator.NewProblem(err)
	p.ID = caller.ID
	return &p
}

// listed returns an answer without null lists.
func listed(v any) any {
	given := reflect.ValueOf(v)
	if given.Kind() != reflect.Struct {
		return v
	}
	whole := reflect.New(given.Type()).Elem()
	whole.Set(given)
	fill(whole)
	return whole.Interface()
}

func fill(v reflect.Value) {
	for _, f := range v.Fields() {
		switch {
		case !f.CanSet():
		case f.Kind() == reflect.Slice && f.IsNil() && f.Type().Elem().Kind() != reflect.Uint8: // bytes are no list
			f.Set(reflect.MakeSlice(f.Type(), 0, 0))
		case f.Kind() == reflect.Struct:
			fill(f)
		}
	}
}
