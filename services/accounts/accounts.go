// Package accounts is the list of named operators, which the pair keeps in its own key space: who may operate it, by the digest of a
// token, in which role, until when. Both hosts have the same list, and a change is an update like any other: withdrawn once is
// withdrawn on both.
//
// Why plain SHA-256: a token is made by us, of [TokenBits] random bits. A slow digest protects words that people choose, which
// somebody could try one after the other; 2^130 can't be tried, and a slow digest would let everybody who asks spend the host's time.
//
// What it guarantees: no token stands anywhere, so that neither a stolen database nor a backup is of use to anybody; names, their
// number and the size of the list are bounded; a list that can't be read is an error, never an empty one.
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
	// Key is where the list stands in the pair's own key space.
	Key = "operators"
	// Most bounds the accounts: the list is read as a whole, and people have to know it.
	Most = 100
	// maxName and maxBy bound what is said of an account, in bytes.
	maxName = 64
	maxBy   = 200
	// TokenBits is how much chance a token holds.
	TokenBits = 130
	// TokenPrefix begins each token, for people and for what looks for secrets in places where none should be.
	TokenPrefix = "hpt_"
)

// ErrDamaged says that what is stored can't be read.
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

// Digest is what is kept of a token.
func Digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// CheckName refuses a name that nobody could tell from another, or that would be something else in a line of a log.
func CheckName(name string) error {
	letter := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' }
	other := func(r rune) bool { return !letter(r) && !strings.ContainsRune("._@-", r) }
	if name == "" || len(name) > maxName || !letter(rune(name[0])) || strings.ContainsFunc(name, other) {
		return fmt.Errorf("%q is no name of an operator: use 1 to %d letters, digits, dots, hyphens, underscores and @, a letter or a digit first", name, maxName)
	}
	return nil
}

// check refuses an account that can't stand in a list.
func (a Account) check() error {
	if err := CheckName(a.Name); err != nil {
		return err
	}
	if digest, err := hex.DecodeString(a.Digest); err != nil || len(digest) != sha256.Size {
		return fmt.Errorf("%s has no digest of a token", a.Name)
	}
	if !slices.Contains([]string{"view", "operate", "admin"}, a.Role) {
		return fmt.Errorf("%s has the role %q, and there are view, operate and admin", a.Name, a.Role)
	}
	if len(a.By) > maxBy {
		return fmt.Errorf("who made %s is said in %d bytes, at most %d", a.Name, len(a.By), maxBy)
	}
	return nil
}

// List is all operators, in the order of their names.
type List struct {
	Accounts []Account `json:"accounts"`
}

// Decode reads a list as it is stored; nothing is the empty one. The error is ErrDamaged.
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
			return List{}, fmt.Errorf("%w: %s out of order", ErrDamaged, a.Name)
		}
	}
	return l, nil
}

// Encode gives a list as it is stored.
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

// Change is what becomes of one account.
type Change struct {
	Add    *Account `json:"add,omitempty"`    // one that there is not
	Rotate *Account `json:"rotate,omitempty"` // of one that there is, another token; a zero Expires keeps the old one's end
	Remove string   `json:"remove,omitempty"` // its name
}

// Apply gives the list as a change makes it. The error says why it does not fit, and is for people.
func (l List) Apply(c Change) (List, error) {
	next := List{Accounts: slices.Clone(l.Accounts)}
	switch {
	case c.Add != nil:
		if err := c.Add.check(); err != nil {
			return l, err
		}
		i, there := next.index(c.Add.Name)
		if there {
			return l, fmt.Errorf("there is an operator %s: hotpair operators rotate %s gives another token, remove takes it out", c.Add.Name, c.Add.Name)
		}
		if len(next.Accounts) >= Most {
			return l, fmt.Errorf("there are %d operators, and no room for more: take out who is gone", Most)
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
		return l, errors.New("nothing is to change")
	}
	return next, nil
}

func unknown(name string) error {
	return fmt.Errorf("there is no operator %q: hotpair operators list shows who there is", name)
}

// Question asks an updater for the list.
type Question struct{}

// Questions of main to the updater. A change is answered with the list as it is then.
var (
	CallList   = bus.Question[Question, List](bus.ProcessUpdater, "operators")
	CallChange = bus.Question[Change, List](bus.ProcessUpdater, "operators-change")
)
