package access

import (
	"fmt"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/accounts"
	"github.com/hotpair/hotpair/services/operator"
)

// Book is the list of operators as a main knows it. Its zero value knows none. Its methods may be called by any number of goroutines.
type Book struct {
	mu       sync.Mutex
	known    bool
	list     accounts.List
	byDigest map[string]accounts.Account
}

// Set has the list be this one from now on.
func (b *Book) Set(list accounts.List) {
	byDigest := make(map[string]accounts.Account, len(list.Accounts))
	for _, a := range list.Accounts {
		byDigest[a.Digest] = a
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known, b.list, b.byDigest = true, list, byDigest
}

// Lose has nobody be known until the list is read again: it may change unseen.
func (b *Book) Lose() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known, b.byDigest = false, nil
}

// errUnread says that there is no list.
var errUnread = fmt.Errorf("%w: this host can't look up tokens now, its updater is down or starting: ask the other host, or run hotpair on this machine as root or the host's own user, who need none", operator.ErrUnavailable)

// find gives the account of a token's digest. Nothing is learned by how long it takes: who asks chooses the token, not the digest.
// The error is operator.ErrToken, or operator.ErrUnavailable while the list is not known.
func (b *Book) find(digest string, now time.Time) (accounts.Account, error) {
	b.mu.Lock()
	known, a := b.known, b.byDigest[digest]
	b.mu.Unlock()
	switch {
	case !known:
		return a, errUnread
	case a.Name == "":
		return a, fmt.Errorf("%w: it is no operator's, or was withdrawn", operator.ErrToken)
	case a.Expired(now):
		return accounts.Account{}, fmt.Errorf("%w: the token of %s expired at %s: hotpair operators rotate %s gives another", operator.ErrToken, a.Name, a.Expires.UTC().Format(time.RFC3339), a.Name)
	}
	return a, nil
}
