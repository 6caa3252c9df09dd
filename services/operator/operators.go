package operator

import (
	"fmt"
	"slices"
	"time"

	"github.com/hotpair/hotpair/services/accounts"
)

// OperatorRow is an operator of the pair, without the token, of which only a digest is kept.
type OperatorRow struct {
	Name    string    `json:"name"`
	Role    Role      `json:"role"` // view, operate, admin
	Created time.Time `json:"created,omitzero"`
	By      string    `json:"by,omitempty"`      // who added the operator
	Rotated time.Time `json:"rotated,omitzero"`  // when the token was last replaced
	Expires time.Time `json:"expires,omitzero"`  // when the token expires; none: never
	Expired bool      `json:"expired,omitempty"` // the token has expired
}

// OperatorList is all operators, in the order of their names.
type OperatorList struct {
	Operators []OperatorRow `json:"operators"`
}

// AddOperator makes an operator.
type AddOperator struct {
	Name string `json:"name"`          // 1 to 64 letters, digits, dots, hyphens, underscores and @
	Role Role   `json:"role"`          // view, operate, admin
	For  string `json:"for,omitempty"` // how long the token is valid, a duration; none: until it is withdrawn
}

// RotateOperator gives an operator another token.
type RotateOperator struct {
	Name string `json:"name"`
	For  string `json:"for,omitempty"` // how long the token is valid, a duration; none: as long as the previous one
}

// RemoveOperator withdraws an operator.
type RemoveOperator struct {
	Name string `json:"name"`
}

// OperatorToken is a new token, shown only here.
type OperatorToken struct {
	ID      string    `json:"id"` // of the call
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	Expires time.Time `json:"expires,omitzero"` // none: never
	Token   string    `json:"token"`            // for calls of the operator
}

// OperatorRemoved is the result of a withdrawal.
type OperatorRemoved struct {
	ID   string `json:"id"` // of the call
	Name string `json:"name"`
	Left int    `json:"left"` // remaining operators
}

// Bounds of how long a token may be valid.
const (
	leastLife = time.Minute
	mostLife  = 10 * 365 * 24 * time.Hour
)

func checkLife(life string) error {
	if life == "" {
		return nil
	}
	d, err := time.ParseDuration(life)
	if err != nil || d < leastLife || d > mostLife {
		return fmt.Errorf("%w: for=%q is not a duration from 1m to 87600h (ten years)", ErrUsage, life)
	}
	return nil
}

// until returns the end of a lifetime that was checked.
func until(life string, now time.Time) time.Time {
	d, err := time.ParseDuration(life)
	if life == "" || err != nil {
		return time.Time{}
	}
	return now.Add(d)
}

// Until returns when a token made now expires; zero is never.
func (q AddOperator) Until(now time.Time) time.Time { return until(q.For, now) }

// Until returns when a token made now expires; zero keeps the previous expiry.
func (q RotateOperator) Until(now time.Time) time.Time { return until(q.For, now) }

func (q *AddOperator) check() error {
	if err := accounts.CheckName(q.Name); err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if !slices.Contains(Roles(), q.Role) {
		return fmt.Errorf("%w: there is no role %q; there are view (reads), operate (switchover, pause, verify, backup) and admin (everything)", ErrUsage, q.Role)
	}
	return checkLife(q.For)
}

func (q *RotateOperator) check() error {
	if err := accounts.CheckName(q.Name); err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	return checkLife(q.For)
}

func (q *RemoveOperator) check() error {
	if err := accounts.CheckName(q.Name); err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	return nil
}

// Operators of the pair.
var (
	CallWho = Operation[None, Person]{Name: "whoami", Method: "GET", Path: "/api/v1/whoami", Where: Own, Role: View, Within: answerWithin,
		Says: "The caller: name, role, and the proof of both."}
	CallOperators = Operation[None, OperatorList]{Name: "operators", Method: "GET", Path: "/api/v1/operators", Where: Own, Role: Administer, Within: answerWithin,
		Says: "The operators of the pair, with their roles and when their tokens expire."}
	CallAddOperator = Operation[AddOperator, OperatorToken]{Name: "addition of an operator", Method: "POST", Path: "/api/v1/operators/add", Where: Active, Role: Administer, Within: 15 * time.Second,
		Says: "Adds an operator, and answers with the token, once.", Check: (*AddOperator).check, Detail: func(q AddOperator) string { return q.Name + " as " + string(q.Role) }}
	CallRotateOperator = Operation[RotateOperator, OperatorToken]{Name: "rotation of a token", Method: "POST", Path: "/api/v1/operators/rotate", Where: Active, Role: Administer, Within: 15 * time.Second,
		Says: "Gives an operator another token, and answers with it, once. The previous one is invalid from then on.", Check: (*RotateOperator).check, Detail: func(q RotateOperator) string { return "of " + q.Name }}
	CallRemoveOperator = Operation[RemoveOperator, OperatorRemoved]{Name: "withdrawal of an operator", Method: "POST", Path: "/api/v1/operators/remove", Where: Active, Role: Administer, Within: 15 * time.Second,
		Says: "Withdraws an operator: neither host accepts the token any more, and sessions that began with it end.", Check: (*RemoveOperator).check, Detail: func(q RemoveOperator) string { return q.Name }}
)
