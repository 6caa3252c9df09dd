package access

import (
	"fmt"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/accounts"
	"github.com/hotpair/hotpair/services/operator"
)

// Book is the list of operators as a main knows it. The zero value knows none. Its methods may be called concurrently.
type Book struct {
	mu       sync.Mutex
	known    bool
	list     accounts.List
	byDigest map[string]accounts.Account
}

// Set replaces the list.
func (b *Book) Set(list accounts.List) {
	byDigest := make(map[string]accounts.Account, len(list.Accounts))
	for _, a := range list.Accounts {
		byDigest[a.Digest] = a
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known, b.list, b.byDigest = true, list, byDigest
}

// Lose forgets the list until it is read again: it may change unseen.
func (b *Book) Lose() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known, b.byDigest = false, nil
}

// errUnread says that the list of operators is not known.
var errUnread = fmt.Errorf("%w: this host can't check tokens now, because its updater is down or starting: ask the other host, or run hotpair on this machine as root or the host's own user, who need no token", operator.ErrUnavailable)

// find returns the account of a token's digest. Its timing reveals nothing: a caller chooses the token, not the digest.
// The error is operator.ErrToken, or operator.ErrUnavailable while the list is not known.
func (b *Book) find(digest string, now time.Time) (accounts.Account, error) {
	b.mu.Lock()
	known, a := b.known, b.byDigest[digest]
	b.mu.Unlock()
	switch {
	case !known:
		return a, errUnread
	case a.Name == "":
		return a, fmt.Errorf("%w: no operator has this token, or it was withdrawn", operator.ErrToken)
	case a.Expired(now):
		return accounts.Account{}, fmt.Errorf("%w: the token of %s expired at %s: hotpair operators rotate %s makes another", operator.ErrToken, a.Name, a.Expires.UTC().Format(time.RFC3339), a.Name)
	}
	return a, nil
}
