package wires

import (
	"crypto/x509"
	"slices"
	"sync"

	"github.com/hotpair/hotpair/services/identity"
)

// later are certificates of terminals that were renewed while their connections stand, which go on with what they began with. The zero later has
// none.
type later struct {
	mu  sync.Mutex
	all map[identity.Fingerprint]identity.Peer
}

// Learn takes the certificate that the terminal with this id has for its next connection, so that nobody is told that it ends. It gives who
// that is; the error says why it would not be let in with it.
func (w *Wires) Learn(id string, chain []*x509.Certificate) (identity.Peer, error) {
	current, err := w.files.Current()
	if err != nil {
		return identity.Peer{}, err
	}
	found, err := w.policy(identity.Exactly(identity.Terminal(w.self.Pair, id))).Judge(chain, current.Roots, identity.Listening)
	if err != nil {
		return identity.Peer{}, err
	}
	w.later.mu.Lock()
	defer w.later.mu.Unlock()
	if w.later.all == nil {
		w.later.all = map[identity.Fingerprint]identity.Peer{}
	}
	w.later.all[found.Fingerprint] = found
	return found, nil
}

// of gives peers with the certificates that they have by now, and forgets those of who is not there any more.
func (l *later) of(peers []identity.Peer) []identity.Peer {
	l.mu.Lock()
	defer l.mu.Unlock()
	still := map[identity.Fingerprint]identity.Peer{}
	for i, p := range peers {
		if next, known := l.all[p.Fingerprint]; known && next.Name == p.Name {
			still[p.Fingerprint] = next
			if next.NotAfter.After(p.NotAfter) {
				peers[i] = next
			}
		}
	}
	l.all = still
	return peers
}

// WithoutHost is what is seen without the other host. That one is asked while it is heard, for it knows its own certificate, while a connection
// goes on with the one that it began with.
func (s Seen) WithoutHost() Seen {
	s.Peers = slices.DeleteFunc(slices.Clone(s.Peers), func(p OtherEnd) bool {
		n, err := identity.Parse(p.Name)
		return err == nil && n.Role == identity.RoleHost
	})
	return s
}
