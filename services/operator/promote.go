package operator

import (
	"fmt"
	"strconv"
	"time"
)

const (
	// pathPromotePlan is the path of CallPromotePlan.
	pathPromotePlan = "/api/v1/promote/plan"
	// UnknownLoss is the value to accept when the number of lost updates is not known.
	UnknownLoss = "unknown"
	// AdmitWitness names the witness in an AdmitRequest.
	AdmitWitness = "witness"
)

// PromotePlan is what a forced promotion would mean now.
type PromotePlan struct {
	Host    string `json:"host"`
	Refused string `json:"refused,omitempty"` // why the promotion is refused, whatever is accepted
	// Needless: the host holds every acknowledged update; nothing would be lost.
	Needless bool `json:"needless,omitempty"`
	// AcceptLoss is the value to accept: the number of acknowledged updates known to be missing, or "unknown".
	AcceptLoss string    `json:"accept_loss"`
	Own        string    `json:"own"`   // end of this host's journal
	Other      string    `json:"other"` // last position known to be acknowledged by the other host; "" is none
	Heard      time.Time `json:"heard,omitzero"`
	Active     string    `json:"active"`         // by the pair record
	Fresh      []string  `json:"fresh"`          // terminals that still see the other host serve
	Asked      int       `json:"asked"`          // terminals that answered
	Note       string    `json:"note,omitempty"` // what is not known
}

// PromoteRequest accepts a loss of updates.
type PromoteRequest struct {
	AcceptLoss string `json:"accept_loss"` // a number, or "unknown"
}

// Loss parses AcceptLoss. The error is ErrUsage.
func (r PromoteRequest) Loss() (accepted uint64, unknown bool, err error) {
	if r.AcceptLoss == UnknownLoss {
		return 0, true, nil
	}
	accepted, err = strconv.ParseUint(r.AcceptLoss, 10, 62)
	if err != nil {
		return 0, false, fmt.Errorf("%w: accept_loss is the number of updates that may be lost, or %q; GET %s says which", ErrUsage, UnknownLoss, pathPromotePlan)
	}
	return accepted, false, nil
}

func (r *PromoteRequest) check() error {
	_, _, err := r.Loss()
	return err
}

// Promoted is the result of a promotion.
type Promoted struct {
	ID     string        `json:"id"`
	Active string        `json:"active"`
	Epoch  uint64        `json:"epoch"`
	Took   time.Duration `json:"took_ns"`
	Plan   PromotePlan   `json:"plan"` // as it was accepted
}

// AdmitRequest names the replaced host or witness.
type AdmitRequest struct {
	Who string `json:"who"` // name of a host, or "witness"
}

func (q *AdmitRequest) check() error {
	if q.Who == "" {
		return fmt.Errorf("%w: who is the name of the replaced host, or %q", ErrUsage, AdmitWitness)
	}
	return nil
}

// Admitted is the result of an AdmitRequest.
type Admitted struct {
	ID            string `json:"id"`
	Active        string `json:"active"`
	Epoch         uint64 `json:"epoch"`
	RecordVersion uint64 `json:"record_version"`
	WitnessID     string `json:"witness_id,omitempty"`
}
