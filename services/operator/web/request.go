package web

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/operator"
)

func text(w http.ResponseWriter, line string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, line+"\n") // who does not read the answer does not get it
	return nil
}

func answer(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n'))
	return nil
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
	_, _ = w.Write(append(body, '\n')) // who does not read the answer does not get it
}

// arguments reads the body of a call. A field that there is not is refused: a caller that wants something special must
// not believe it got it.
func arguments(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return &operator.Problem{Type: operator.ProblemType + "too-large", Title: "Body too large", Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("at most %d bytes", tooLarge.Limit)}
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("%w: body: %w", operator.ErrUsage, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: body: more than one JSON value", operator.ErrUsage)
	}
	return nil
}

// emptyBody allows nothing, or an empty JSON object: a caller that wants something special must not believe it got it.
func emptyBody(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return &operator.Problem{Type: operator.ProblemType + "too-large", Title: "Body too large", Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("at most %d bytes", maxBody)}
	case err != nil:
		return fmt.Errorf("%w: body: %w", operator.ErrUsage, err)
	case len(strings.TrimSpace(string(body))) == 0:
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return fmt.Errorf("%w: body is no JSON object: %w", operator.ErrUsage, err)
	}
	for name := range fields {
		return fmt.Errorf("%w: there is no field %q", operator.ErrUsage, name)
	}
	return nil
}

// query reads parameters, each given at most once and known. number is for those that are numbers.
func query(r *http.Request, texts map[string]*string, numbers map[string]*uint64) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fmt.Errorf("%w: %w", operator.ErrUsage, err)
	}
	for name, given := range values {
		if len(given) != 1 {
			return fmt.Errorf("%w: %s is given %d times", operator.ErrUsage, name, len(given))
		}
		switch {
		case texts[name] != nil:
			*texts[name] = given[0]
		case numbers[name] != nil:
			n, err := strconv.ParseUint(given[0], 10, 63)
			if err != nil {
				return fmt.Errorf("%w: %s=%q is no number", operator.ErrUsage, name, given[0])
			}
			*numbers[name] = n
		default:
			return fmt.Errorf("%w: there is no parameter %q", operator.ErrUsage, name)
		}
	}
	return nil
}

// carryOut does what a caller wants, within a time, and answers with what came of it. what is its name in the log and
// the events.
func carryOut[T any](h *handler, w http.ResponseWriter, r *http.Request, what string, within time.Duration, do func(context.Context, operator.Caller) (T, error)) error {
	ctx, cancel := context.WithTimeout(r.Context(), within)
	defer cancel()
	caller := h.called(r, what)
	done, err := do(ctx, caller)
	if err != nil {
		return h.failed(what, caller, err)
	}
	return answer(w, done)
}

// called makes the Caller of a call and says in the log that it came.
func (h *handler) called(r *http.Request, what string) operator.Caller {
	caller := operator.Caller{ID: rand.Text(), From: r.RemoteAddr}
	h.log.Info(what+" wanted", "call", caller.ID, "from", caller.From)
	h.host.Called(caller, what, nil)
	return caller
}

// failed says in the log that a call did not come about, and gives its problem with the call's id.
func (h *handler) failed(what string, caller operator.Caller, err error) *operator.Problem {
	h.log.Warn(what+" did not happen", "call", caller.ID, "from", caller.From, "err", err)
	h.host.Called(caller, what, err)
	p := *operator.NewProblem(err)
	p.ID = caller.ID
	return &p
}
