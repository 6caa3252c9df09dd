package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync/atomic"
	"time"
)

// maxRoots bounds the roots that are trusted at a time: one, and its successor while a pair changes; a company has some.
const maxRoots = 32

// Credentials are what a process shows, and whom it believes. They never change: a Source gives others.
type Credentials struct {
	// Certificate is the own chain with its key, Leaf included.
	Certificate tls.Certificate
	// Roots are those of the pair.
	Roots []*x509.Certificate
	// Self is who that makes of this process, as a peer sees it; Expired is of no meaning.
	Self Peer
}

// NewCredentials puts a chain (the own certificate first), its key and the roots together, and checks that a peer with the same roots would
// let them in, whatever the time. The error is ErrCredentials.
func NewCredentials(shown []*x509.Certificate, key crypto.Signer, roots []*x509.Certificate) (*Credentials, error) {
	switch {
	case len(shown) == 0:
		return nil, fmt.Errorf("%w: there is none", ErrCredentials)
	case len(roots) == 0 || len(roots) > maxRoots:
		return nil, fmt.Errorf("%w: %d roots, and 1 to %d are needed", ErrCredentials, len(roots), maxRoots)
	}
	for _, root := range roots {
		if !root.IsCA {
			return nil, fmt.Errorf("%w: among the roots is the certificate of %.100q, which is of no authority", ErrCredentials, root.Subject.String())
		}
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(shown[0].PublicKey) {
		return nil, fmt.Errorf("%w: the key is not that of the certificate: were they renewed one after the other?", ErrCredentials)
	}
	self, err := ownName(shown, roots)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCredentials, err)
	}
	c := &Credentials{Roots: roots, Self: self, Certificate: tls.Certificate{PrivateKey: key, Leaf: shown[0]}}
	for _, link := range shown {
		c.Certificate.Certificate = append(c.Certificate.Certificate, link.Raw)
	}
	return c, nil
}

// ownName judges the own chain as peers will: for each side that the own role has, a host's both.
func ownName(shown, roots []*x509.Certificate) (Peer, error) {
	name, err := Of(shown[0])
	if err != nil {
		return Peer{}, err
	}
	sides := []Side{Listening}
	if name.Role == RoleHost {
		sides = append(sides, Dialling)
	}
	self := Peer{Name: name, Fingerprint: FingerprintOf(shown[0])}
	for _, side := range sides {
		if self.NotBefore, self.NotAfter, err = chain(shown, roots, side); err != nil {
			return Peer{}, fmt.Errorf("that of %s: %w", name, err)
		}
	}
	return self, nil
}

// Believing is c with other roots; c itself when those are its own.
func (c *Credentials) Believing(roots []*x509.Certificate) *Credentials {
	if sameRoots(c.Roots, roots) {
		return c
	}
	other := *c
	other.Roots = roots
	return &other
}

// BelievesAs reports whether both believe the same roots.
func (c *Credentials) BelievesAs(other *Credentials) bool { return sameRoots(c.Roots, other.Roots) }

func sameRoots(a, b []*x509.Certificate) bool {
	return slices.EqualFunc(a, b, func(a, b *x509.Certificate) bool { return a.Equal(b) })
}

// Source gives the credentials that count now. It never blocks: it is asked in each handshake. The error is ErrCredentials, and says why there
// are none; a Source that had some goes on with them.
type Source interface {
	Current() (*Credentials, error)
}

// Memory is a Source that is told. The zero Memory has none yet.
type Memory struct{ current atomic.Pointer[Credentials] }

// NewMemory is a Memory with credentials.
func NewMemory(c *Credentials) *Memory {
	m := &Memory{}
	m.Set(c)
	return m
}

// Set replaces them for all handshakes that begin from now on.
func (m *Memory) Set(c *Credentials) { m.current.Store(c) }

// Current implements Source.
func (m *Memory) Current() (*Credentials, error) {
	if c := m.current.Load(); c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("%w: there is none yet", ErrCredentials)
}

// State is what operators see of a Source, and what alarms are judged by.
type State struct {
	// Name and Fingerprint are of the certificate in use; empty while there is none.
	Name        string      `json:"name,omitempty"`
	Fingerprint Fingerprint `json:"fingerprint,omitzero"`
	NotBefore   time.Time   `json:"not_before,omitzero"`
	NotAfter    time.Time   `json:"not_after,omitzero"`
	// DaysLeft are whole days until NotAfter, below 0 when it is over.
	DaysLeft int `json:"days_left"`
	// Expired: it is out of its time by the own clock.
	Expired bool `json:"expired,omitempty"`
	// Age is how far its life has gone: early, fresh, due (for a new one), ending, over.
	Age Age `json:"age,omitempty"`
	// Loaded is since when these are in use.
	Loaded time.Time `json:"loaded,omitzero"`
	// Fault is why newer ones can't be used; empty when all is well. FaultSince is when that was first seen.
	Fault      string    `json:"fault,omitempty"`
	FaultSince time.Time `json:"fault_since,omitzero"`
	// Copied: a copy of the last good files serves, because the process began while they could not be used.
	Copied bool `json:"copied,omitempty"`
	// Unkept is why no such copy of those in use can be made; empty when there is one or none is wanted.
	Unkept string `json:"unkept,omitempty"`
	// Roots are whom this process believes.
	Roots []Root `json:"roots,omitempty"`
}

// Root is an authority that is believed.
type Root struct {
	Name        string      `json:"name"` // its subject
	Fingerprint Fingerprint `json:"fingerprint"`
	NotAfter    time.Time   `json:"not_after"`
}

// StateOf is the State of credentials, which may be nil.
func StateOf(c *Credentials, loaded, now time.Time) State {
	if c == nil {
		return State{}
	}
	left := c.Self.NotAfter.Sub(now)
	days := int(left / (24 * time.Hour))
	if left < 0 {
		days--
	}
	var roots []Root
	for _, r := range c.Roots {
		roots = append(roots, Root{r.Subject.String(), FingerprintOf(r), r.NotAfter})
	}
	return State{
		Age: AgeOf(c.Self.NotBefore, c.Self.NotAfter, now), Roots: roots, Name: c.Self.Name.String(), Fingerprint: c.Self.Fingerprint, NotBefore: c.Self.NotBefore, NotAfter: c.Self.NotAfter,
		DaysLeft: days, Expired: outOfTime(now, c.Self.NotBefore, c.Self.NotAfter, 0), Loaded: loaded,
	}
}

// ParseCertificates reads one or more certificates in PEM, and nothing else.
func ParseCertificates(text []byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for len(list) <= maxRoots {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("a block %.40q among the certificates", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(list)+1, err)
		}
		list = append(list, c)
	}
	switch {
	case len(list) == 0:
		return nil, errors.New("no certificate in PEM (-----BEGIN CERTIFICATE-----)")
	case len(list) > maxRoots:
		return nil, fmt.Errorf("more than %d certificates", maxRoots)
	}
	return list, nil
}

// ParseKey reads one private key in PEM: PKCS #8, or SEC 1 as some tools write it.
func ParseKey(text []byte) (crypto.Signer, error) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return nil, errors.New("no private key in PEM (-----BEGIN PRIVATE KEY-----)")
		}
		text = rest
		switch block.Type {
		case "PRIVATE KEY":
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, errors.New("the private key can't be read: is the file damaged?") // what the library says could quote it
			}
			signer, ok := key.(crypto.Signer)
			if !ok {
				return nil, fmt.Errorf("a key that can't sign (%T)", key)
			}
			return signer, nil
		case "EC PRIVATE KEY":
			key, err := x509.ParseECPrivateKey(block.Bytes)
			if err != nil {
				return nil, errors.New("the private key can't be read: is the file damaged?")
			}
			return key, nil
		case "EC PARAMETERS", "CERTIFICATE": // that openssl and some authorities put beside it
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("the private key is encrypted: a host starts without anybody there, so write it in plain, readable by its user only")
		case "RSA PRIVATE KEY":
			return nil, fmt.Errorf("%w: RSA, and only ECDSA P-256 or Ed25519 will do", ErrKey)
		default:
			return nil, fmt.Errorf("a block %.40q where a private key should be", block.Type)
		}
	}
}

// Anonymous makes credentials of nobody, with a new key that is not kept: for a connection whose ends prove themselves in another way
// (Policy.Unproved). They are good for nothing else.
func Anonymous() (*Credentials, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, err
	}
	return &Credentials{Certificate: tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}}, nil
}
