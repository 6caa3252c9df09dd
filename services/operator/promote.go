package operator

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Paths and names of the calls.
const (
	PathPromote = "/api/v1/promote"
	// PathPromotePlan says what it would mean.
	PathPromotePlan = PathPromote + "/plan"
	PathAdmit       = "/api/v1/admit"
	CallAdmit       = "admit"

	// UnknownLoss is what is accepted when nobody can say how many updates are lost.
	UnknownLoss = "unknown"
	// AdmitWitness is admitted instead of a host.
	AdmitWitness = "witness"

	PromoteWithin = 30 * time.Second
)

// Promoting is the part of Host about making a host serve that may not by itself, and about replaced machines.
type Promoting interface {
	// PromotePlan says what a forced promotion of this very host would mean. Nothing is done.
	PromotePlan(ctx context.Context) (PromotePlan, error)
	// Promote makes this very host serve, accepting the loss. Errors: ErrRefused, ErrUnfinished.
	Promote(ctx context.Context, caller Caller, request PromoteRequest) (Promoted, error)
	// Admit lets a replaced host or witness in. Errors: ErrRefused, ErrForward, ErrUnfinished.
	Admit(ctx context.Context, caller Caller, request AdmitRequest) (Admitted, error)
}

// PromotePlan is what a forced promotion would mean now.
type PromotePlan struct {
	Host    string `json:"host"`
	Refused string `json:"refused,omitempty"` // why it is not done, whatever is accepted
	// Needless: the host holds every acknowledged update; nothing would be lost.
	Needless bool `json:"needless,omitempty"`
	// AcceptLoss is what must be accepted: the number of acknowledged updates that are known to be missing, or "unknown".
	AcceptLoss string    `json:"accept_loss"`
	Own        string    `json:"own"`   // end of this host's journal
	Other      string    `json:"other"` // last position heard to be acknowledged by the other host; "" is none
	Heard      time.Time `json:"heard,omitzero"`
	Active     string    `json:"active"`         // by the pair record
	Fresh      []string  `json:"fresh"`          // terminals that still see the other host serve
	Asked      int       `json:"asked"`          // terminals that were asked
	Note       string    `json:"note,omitempty"` // what can't be known
}

// PromoteRequest accepts a loss.
type PromoteRequest struct {
	AcceptLoss string `json:"accept_loss"` // a number, or "unknown"
}

// Loss reads AcceptLoss. The error is ErrUsage.
func (r PromoteRequest) Loss() (accepted uint64, unknown bool, err error) {
	if r.AcceptLoss == UnknownLoss {
		return 0, true, nil
	}
	accepted, err = strconv.ParseUint(r.AcceptLoss, 10, 62)
	if err != nil {
		return 0, false, fmt.Errorf("%w: accept_loss is the number of updates that may be lost, or %q; GET %s says which", ErrUsage, UnknownLoss, PathPromotePlan)
	}
	return accepted, false, nil
}

// Promoted is what a promotion did.
type Promoted struct {
	ID     string        `json:"id"`
	Active string        `json:"active"`
	Epoch  uint64        `json:"epoch"`
	Took   time.Duration `json:"took_ns"`
	Plan   PromotePlan   `json:"plan"` // as it was accepted
}

// AdmitRequest names who was replaced.
type AdmitRequest struct {
	Who string `json:"who"` // name of a host, or "witness"
}

// Admitted is what came of it.
type Admitted struct {
	ID            string `json:"id"`
	Active        string `json:"active"`
	Epoch         uint64 `json:"epoch"`
	RecordVersion uint64 `json:"record_version"`
	WitnessID     string `json:"witness_id,omitempty"`
}

// PromotePlan asks what a forced promotion of the host would mean.
func (c *Client) PromotePlan(ctx context.Context) (PromotePlan, error) {
	var plan PromotePlan
	return plan, c.call(ctx, http.MethodGet, PathPromotePlan, &plan)
}

// Promote makes the host serve. It is sent once. Errors: ErrUnreachable, those of Promoting.
func (c *Client) Promote(ctx context.Context, request PromoteRequest) (Promoted, error) {
	var done Promoted
	return done, c.post(ctx, PathPromote, request, &done)
}

// Admit lets a replaced host or witness in. Errors: ErrUnreachable, those of Promoting.
func (c *Client) Admit(ctx context.Context, request AdmitRequest) (Admitted, error) {
	var done Admitted
	return done, c.post(ctx, PathAdmit, request, &done)
}
