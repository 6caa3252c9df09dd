package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/access"
	"github.com/hotpair/hotpair/services/operator/wording"
	"github.com/hotpair/hotpair/services/trail"
)

// Gate identifies callers, and keeps the sessions of the console. *access.Gate implements it.
type Gate interface {
	// Who returns the caller of a request. The error is operator.ErrToken for an invalid proof,
	// operator.ErrUnavailable when it can't be checked now; the person is then a stranger from that address.
	Who(r *http.Request) (operator.Person, error)
	// Login begins a session with a token. The errors are those of Who.
	Login(w http.ResponseWriter, r *http.Request, token string) (operator.Person, error)
	// Logout ends it.
	Logout(w http.ResponseWriter, r *http.Request)
}

// Paths of the console's sessions.
const (
	PathLogin  = "/api/v1/login"
	PathLogout = "/api/v1/logout"
)

// actLogin names a login in the audit trail.
const actLogin = "login at the console"

// Login is the request that begins a session of the console.
type Login struct {
	Token string `json:"token"` // of an operator
}

type personKey struct{}

// person returns the caller of an admitted call.
func person(r *http.Request) operator.Person {
	p, _ := r.Context().Value(personKey{}).(operator.Person)
	return p
}

// authorize returns the request with its caller, if that may make it. The error is operator.ErrToken, operator.ErrRole
// or operator.ErrUnavailable.
func (h *handler) authorize(r *http.Request, what string, need operator.Role) (*http.Request, error) {
	p, err := h.gate.Who(r)
	if errors.Is(err, operator.ErrUnavailable) && p.Role.May(need) {
		err = nil // no proof is needed
	}
	if err == nil {
		err = p.Allow(what, need)
	}
	if err != nil {
		h.tellRefused(r, p, what, err)
		return r, err
	}
	return r.WithContext(context.WithValue(r.Context(), personKey{}, p)), nil
}

// tellRefused records in the audit trail a call that is refused before anything is done.
func (h *handler) tellRefused(r *http.Request, p operator.Person, what string, err error) {
	if h.trail != nil {
		h.trail.Refused(trail.Refusal{What: what, Name: p.Name, Role: string(p.Role), From: access.From(r), Why: err.Error()})
	}
}

// caller returns the caller of an admitted call, with its reason.
func (h *handler) caller(r *http.Request, o operator.Info) (operator.Caller, error) {
	c := operator.Caller{Person: person(r), From: access.From(r)}
	if !o.Changes() || o.Role == operator.View {
		return c, nil
	}
	text, err := url.QueryUnescape(r.Header.Get(operator.HeaderReason))
	text = wording.Printable(strings.TrimSpace(text))
	switch {
	case err != nil:
		return c, fmt.Errorf("%w: the header %s is not percent-encoded: %w", operator.ErrUsage, operator.HeaderReason, err)
	case len(text) > operator.MaxReason:
		return c, fmt.Errorf("%w: the reason has %d bytes, at most %d", operator.ErrUsage, len(text), operator.MaxReason)
	case text == "" && h.reasons:
		return c, fmt.Errorf("%w: this pair requires a reason (HOTPAIR_REASONS=required): give --reason with hotpair, the header %s over HTTP", operator.ErrUsage, operator.HeaderReason)
	}
	c.Reason = text
	return c, nil
}

// login begins a session of the console.
func (h *handler) login(w http.ResponseWriter, r *http.Request) error {
	var given Login
	if err := arguments(r, &given); err != nil {
		return err
	}
	p, err := h.gate.Login(w, r, strings.TrimSpace(given.Token))
	if err != nil {
		h.tellRefused(r, p, actLogin, err)
		return err
	}
	h.log.Info("a login at the console", "name", p.Name, "role", p.Role, "from", r.RemoteAddr)
	h.host.Called(operator.Caller{Person: p, From: access.From(r)}, actLogin, nil)
	return answer(w, p)
}

// logout ends it.
func (h *handler) logout(w http.ResponseWriter, r *http.Request) error {
	h.gate.Logout(w, r)
	return answer(w, operator.None{})
}
