package broker

import (
	"fmt"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// Limits bound one connection below what its server allows to all. The zero Limits is what the server allows.
type Limits struct {
	// token is how the server takes limits of one user: as claims, which it reads and, since Users decides who comes in, does not judge.
	token string
}

// NewLimits bounds a message that a connection sends, in bytes with its headers, and its subscriptions. A longer message ends the
// connection before it is read.
func NewLimits(payload, subscriptions int64) (Limits, error) {
	account, err := nkeys.CreateAccount()
	if err != nil {
		return Limits{}, fmt.Errorf("limits of a user: %w", err)
	}
	user, err := nkeys.CreateUser()
	if err != nil {
		return Limits{}, fmt.Errorf("limits of a user: %w", err)
	}
	subject, err := user.PublicKey()
	if err != nil {
		return Limits{}, fmt.Errorf("limits of a user: %w", err)
	}
	claims := jwt.NewUserClaims(subject)
	claims.Limits.Payload, claims.Limits.Subs = payload, subscriptions
	token, err := claims.Encode(account)
	if err != nil {
		return Limits{}, fmt.Errorf("limits of a user: %w", err)
	}
	return Limits{token}, nil
}
