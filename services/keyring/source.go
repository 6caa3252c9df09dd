package keyring

import (
	"sync"

	"github.com/hotpair/hotpair/services/identity"
)

// Source returns the credentials of another source, but keeps using its present key when there is a new one, until
// the witness knows that too (Pass). A new certificate for the same key is used at once, and so are other roots. It
// is an identity.Source.
type Source struct {
	from identity.Source

	mu   sync.Mutex
	used *identity.Credentials
	pass identity.Fingerprint // of the key that may be used from now on
}

// NewSource returns a Source that begins with the other one's credentials at the first request.
func NewSource(from identity.Source) *Source { return &Source{from: from} }

// Current implements identity.Source.
func (s *Source) Current() (*identity.Credentials, error) {
	c, err := s.from.Current()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil && s.used == nil:
		return nil, err
	case err != nil:
	case s.used == nil || c.Self.Fingerprint == s.used.Self.Fingerprint || c.Self.Fingerprint == s.pass:
		s.used = c
	default:
		s.used = s.used.Believing(c.Roots)
	}
	return s.used, nil
}

// Keys returns the keys in use and waiting, which is zero if none waits.
func (s *Source) Keys() (used, waiting identity.Fingerprint) {
	current, err := s.Current()
	if err != nil {
		return used, waiting
	}
	used = current.Self.Fingerprint
	if c, err := s.from.Current(); err == nil && c.Self.Fingerprint != used {
		waiting = c.Self.Fingerprint
	}
	return used, waiting
}

// Pass uses a key from now on.
func (s *Source) Pass(key identity.Fingerprint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass = key
}
