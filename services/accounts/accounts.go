// Package accounts is the list of named operators, which the pair keeps in its own key space: operators, identified
// by the digest of a token, with role and expiry. Both hosts have the same list, and a change is an update like any
// other: an operator removed on one host is removed on both.
//
// Why plain SHA-256: a token consists of [TokenBits] random bits. A slow digest protects passwords that people
// choose, which an attacker could guess; 2^130 can't be guessed, and a slow digest would let every caller waste the
// host's time.
//
// Guarantees: no token is stored anywhere, so neither a stolen database nor a backup helps an attacker; names, their
// number and the size of the list are bounded; an unreadable list is an error, never an empty list.
package accounts

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
)

const (
	// Key is the list's key in the pair's own key space.
	Key = "operators"
	// Most bounds the accounts: the list is read as a whole, and people should know all of them.
	Most = 100
	// maxName and maxBy bound the texts of an account, in bytes.
	maxName = 64
	maxBy   = 200
	// TokenBits is the randomness of a token.
	TokenBits = 130
	// TokenPrefix begins each token, for people and for secret scanners.
	TokenPrefix = "hpt_"
)

// ErrDamaged says that the stored list is unreadable.
var ErrDamaged = errors.New("the list of operators is damaged")

// Account is one operator.
type Account struct {
	Name    string    `json:"name"`
	Role    string    `json:"role"`   // view, operate, admin
	Digest  string    `json:"digest"` // of its token
	Created time.Time `json:"created,omitzero"`
	By      string    `json:"by,omitempty"` // who made it
	Rotated time.Time `json:"rotated,omitzero"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
}

// Expired reports whether its time is over.
func (a Account) Expired(now time.Time) bool { return !a.Expires.IsZero() && !now.Before(a.Expires) }

// NewToken makes a token.
func NewToken() string { return TokenPrefix + rand.Text() }

// Digest returns the stored form of a token.
func Digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// CheckName refuses a name that is easily confused with another, or unsafe in a line of a log.
func CheckName(name string) error {
	letter := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' }
	other := func(r rune) bool { return !letter(r) && !strings.ContainsRune("._@-", r) }
	if name == "" || len(name) > maxName || !letter(rune(name[0])) || strings.ContainsFunc(name, other) {
		return fmt.Errorf("%q is not an operator name: use 1 to %d letters, digits, dots, hyphens, underscores and @, a letter or a digit first", name, maxName)
	}
	return nil
}

// check refuses an invalid account.
func (a Account) check() error {
	if err := CheckName(a.Name); err != nil {
		return err
	}
	if digest, err := hex.DecodeString(a.Digest); err != nil || len(digest) != sha256.Size {
		return fmt.Errorf("%s has no token digest", a.Name)
	}
	if !slices.Contains([]string{"view", "operate", "admin"}, a.Role) {
		return fmt.Errorf("%s has the role %q: use view, operate or admin", a.Name, a.Role)
	}
	if len(a.By) > maxBy {
		return fmt.Errorf("the creator of %s has %d bytes, at most %d", a.Name, len(a.By), maxBy)
	}
	return nil
}

// List is all operators, in the order of their names.
type List struct {
	Accounts []Account `json:"accounts"`
}

// Decode reads a stored list; no data are an empty list. The error is ErrDamaged.
func Decode(value []byte) (l List, err error) {
	if len(value) == 0 {
		return l, nil
	}
	if err := json.Unmarshal(value, &l); err != nil {
		return List{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	for i, a := range l.Accounts {
		if err := a.check(); err != nil {
			return List{}, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if i > 0 && l.Accounts[i-1].Name >= a.Name {
			return List{}, fmt.Errorf("%w: %s is out of order", ErrDamaged, a.Name)
		}
	}
	return l, nil
}

// Encode encodes a list.
func (l List) Encode() []byte { return bus.EncodeJSON(l) }

// Find gives an account by its name.
func (l List) Find(name string) (a Account, ok bool) {
	i, ok := l.index(name)
	if ok {
		a = l.Accounts[i]
	}
	return a, ok
}

func (l List) index(name string) (int, bool) {
	return slices.BinarySearchFunc(l.Accounts, name, func(a Account, name string) int { return strings.Compare(a.Name, name) })
}

// Change is a change of one account.
type Change struct {
	Add    *Account `json:"add,omitempty"`    // a new account
	Rotate *Account `json:"rotate,omitempty"` // another token for an existing account; a zero Expires keeps the old expiry
	Remove string   `json:"remove,omitempty"` // its name
}

// Apply returns the changed list. The error says why the change does not apply, for people.
func (l List) Apply(c Change) (List, error) {
	next := List{Accounts: slices.Clone(l.Accounts)}
	switch {
	case c.Add != nil:
		if err := c.Add.check(); err != nil {
			return l, err
		}
		i, there := next.index(c.Add.Name)
		if there {
			return l, fmt.Errorf("operator %s exists already: hotpair operators rotate %s makes another token, remove deletes the operator", c.Add.Name, c.Add.Name)
		}
		if len(next.Accounts) >= Most {
			return l, fmt.Errorf("there are %d operators already, the most possible: remove those who have left", Most)
		}
		next.Accounts = slices.Insert(next.Accounts, i, *c.Add)
	case c.Rotate != nil:
		i, there := next.index(c.Rotate.Name)
		if !there {
			return l, unknown(c.Rotate.Name)
		}
		a := next.Accounts[i]
		a.Digest, a.Rotated = c.Rotate.Digest, c.Rotate.Rotated
		if !c.Rotate.Expires.IsZero() {
			a.Expires = c.Rotate.Expires
		}
		if err := a.check(); err != nil {
			return l, err
		}
		next.Accounts[i] = a
	case c.Remove != "":
		i, there := next.index(c.Remove)
		if !there {
			return l, unknown(c.Remove)
		}
		next.Accounts = slices.Delete(next.Accounts, i, i+1)
	default:
		return l, errors.New("no change requested")
	}
	return next, nil
}

func unknown(name string) error {
	return fmt.Errorf("no operator %q: see hotpair operators list", name)
}

// Question asks an updater for the list.
type Question struct{}

// Main's calls to the updater. The answer to a change is the new list.
var (
	CallList   = bus.Question[Question, List](bus.ProcessUpdater, "operators")
	CallChange = bus.Question[Change, List](bus.ProcessUpdater, "operators-change")
)
