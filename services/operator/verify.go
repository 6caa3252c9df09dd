package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// Paths and calls of the comparison of both databases.
const (
	PathVerify      = "/api/v1/verify"
	PathVerifyBegin = "/api/v1/verify/begin"
	PathVerifyStop  = "/api/v1/verify/stop"

	CallVerify      = "verify"
	CallVerifyStop  = "verify-stop"
	CallVerifyState = "verify-state"
)

// Verification is the part of a main that compares both databases while in service.
type Verification interface {
	// BeginVerify begins a comparison and returns at once; a standby forwards it. ErrRefused: one runs, or the other host is
	// not in sync.
	BeginVerify(ctx context.Context, caller Caller, q VerifyRequest) (bus.VerifyState, error)
	// VerifyState tells how far it is, or what came of the last one, which both hosts know.
	VerifyState(ctx context.Context, caller Caller) (bus.VerifyState, error)
	// StopVerify ends it. ErrRefused: none runs.
	StopVerify(ctx context.Context, caller Caller) (bus.VerifyState, error)
}

// VerifyRequest says what to do beside comparing.
type VerifyRequest struct {
	Repair bool `json:"repair"` // make the standby's keys what they are on the active
}

// VerifySentence says in one line what came of a comparison.
func VerifySentence(s bus.VerifyState) string {
	switch {
	case s.ID == "":
		return "both databases were never compared"
	case s.Running:
		return fmt.Sprintf("%s and %s are being compared, %d %% done", s.Host, s.Peer, int(s.Done*100))
	}
	text := fmt.Sprintf("%s compared on %s and %s, %s", wording.Count(uint64(s.Keys), "key"), s.Host, s.Peer, Differing(s))
	if s.DamagedHere > 0 {
		text += fmt.Sprintf("; %d of them damaged on %s, which is not copied", s.DamagedHere, s.Host)
	}
	if s.Failure != "" {
		text += "; not finished: " + s.Failure
	}
	return text
}

// Differing says how many keys differ, and what was done about it.
func Differing(s bus.VerifyState) string {
	switch {
	case s.Different == 0 && s.Failure == "":
		return "all alike"
	case s.Different == 0:
		return "none differs so far"
	case s.Repaired == s.Different:
		return fmt.Sprintf("%d differed and were repaired on %s", s.Different, s.Peer)
	case s.Repaired > 0:
		return fmt.Sprintf("%d differ, %d of them were repaired on %s", s.Different, s.Repaired, s.Peer)
	case s.Different == 1:
		return "1 differs"
	}
	return fmt.Sprintf("%d differ", s.Different)
}

// BeginVerify begins a comparison of both databases.
func (c *Client) BeginVerify(ctx context.Context, q VerifyRequest) (bus.VerifyState, error) {
	var s bus.VerifyState
	return s, c.post(ctx, PathVerifyBegin, q, &s)
}

// VerifyState asks how far it is.
func (c *Client) VerifyState(ctx context.Context) (bus.VerifyState, error) {
	var s bus.VerifyState
	return s, c.call(ctx, http.MethodGet, PathVerify, &s)
}

// StopVerify ends it.
func (c *Client) StopVerify(ctx context.Context) (bus.VerifyState, error) {
	var s bus.VerifyState
	return s, c.post(ctx, PathVerifyStop, struct{}{}, &s)
}

// ErrDiffers says that both databases were compared and are not alike.
var ErrDiffers = errors.New("the databases differ")
