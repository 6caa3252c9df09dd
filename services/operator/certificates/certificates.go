// Package certificates has the requests and answers of operators about certificates of enrolled terminals.
package certificates

import (
	"time"

	"github.com/hotpair/hotpair/services/enrolment"
	"github.com/hotpair/hotpair/services/fault"
)

// ErrNoAuthority says that the pair does not issue certificates: they come from elsewhere.
var ErrNoAuthority = fault.New("no-authority", "the pair is not its own authority")

// States of a terminal's certificate.
const (
	Waiting   = "waiting"   // there is an unused token
	Expired   = "expired"   // the token was not used in time
	Enrolled  = "enrolled"  // the token was used
	Withdrawn = "withdrawn" // an operator has withdrawn the certificate
)

// TerminalCertificate is the state of the certificate of an enrolled terminal.
type TerminalCertificate struct {
	State     string    `json:"state"`              // waiting, expired, enrolled or withdrawn
	Until     time.Time `json:"until,omitzero"`     // when the unused token expires
	NotAfter  time.Time `json:"not_after,omitzero"` // when the certificate ends; it is renewed before
	Enrolled  time.Time `json:"enrolled,omitzero"`  // when the terminal has enrolled
	Key       string    `json:"key,omitempty"`      // fingerprint of its key
	Withdrawn time.Time `json:"withdrawn,omitzero"` // when it was withdrawn
	Reason    string    `json:"reason,omitempty"`   // why
	Misused   time.Time `json:"misused,omitzero"`   // when another key presented its used token
}

// Of converts an entry of the register.
func Of(m enrolment.Member, now time.Time) *TerminalCertificate {
	c := &TerminalCertificate{State: Enrolled, NotAfter: m.NotAfter, Enrolled: m.Enrolled, Withdrawn: m.Withdrawn, Reason: m.Reason, Misused: m.Misused}
	if !m.Key.IsZero() {
		c.Key = m.Key.String()
	}
	switch {
	case m.Waits() && now.After(m.Until):
		c.State, c.Until = Expired, m.Until
	case m.Waits():
		c.State, c.Until = Waiting, m.Until
	case !m.Withdrawn.IsZero():
		c.State = Withdrawn
	}
	return c
}

// TokensRequest asks for a token for each of these terminals; their earlier tokens become invalid.
type TokensRequest struct {
	IDs []string `json:"ids"`
	For string   `json:"for,omitempty"` // how long the tokens are valid, like 24h; empty is 24h
}

// TerminalTokens are new tokens, shown only here.
type TerminalTokens struct {
	ID     string          `json:"id"` // of the call, in events
	Tokens []TerminalToken `json:"tokens"`
}

// TerminalToken is the token of one terminal. It is a secret.
type TerminalToken struct {
	ID      string    `json:"id"`
	Address string    `json:"address"` // where the terminal is dialled
	Token   string    `json:"token"`
	Until   time.Time `json:"until"`
}

// RevokeTerminals withdraws the certificates and tokens of terminals, all of them or none. The reason of the call is
// kept.
type RevokeTerminals struct {
	IDs []string `json:"ids"`
}

// TerminalsRevoked names the terminals whose certificates were withdrawn.
type TerminalsRevoked struct {
	ID  string   `json:"id"` // of the call, in events
	IDs []string `json:"ids"`
}
