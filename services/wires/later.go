package wires

import (
	"crypto/x509"
	"slices"
	"sync"

	"github.com/hotpair/hotpair/services/identity"
)

// later are certificates of terminals that were renewed while their connections last, which continue with the
// certificate of their start. The zero later is empty.
type later struct {
	mu  sync.Mutex
	all map[identity.Fingerprint]identity.Peer
}

// Learn records the certificate of the terminal with this id for its next connection, so that the present one is not
// reported as ending. It returns the peer; the error says why it would be refused with it.
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

// of returns peers with their newest certificates, and forgets those of peers that are gone.
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

// WithoutHost omits the other host. That host is asked itself while it is reachable, as it knows its own certificate,
// while a connection continues with the certificate of its start.
func (s Seen) WithoutHost() Seen {
	s.Peers = slices.DeleteFunc(slices.Clone(s.Peers), func(p OtherEnd) bool {
		n, err := identity.Parse(p.Name)
		return err == nil && n.Role == identity.RoleHost
	})
	return s
}
