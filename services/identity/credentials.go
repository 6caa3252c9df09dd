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

// maxRoots bounds the roots trusted at a time: one, and its successor while a pair changes; a company may have some
// more.
const maxRoots = 32

// Credentials are what a process presents, and which roots it trusts. They are immutable: a Source returns new ones.
type Credentials struct {
	// Certificate is this process's chain with its key, Leaf included.
	Certificate tls.Certificate
	// Roots are those of the pair.
	Roots []*x509.Certificate
	// Self is this process as a peer sees it; Expired has no meaning.
	Self Peer
}

// NewCredentials combines a chain (this process's certificate first), its key and the roots, and checks that a peer
// with the same roots would accept them, at any time. The error is ErrCredentials.
func NewCredentials(shown []*x509.Certificate, key crypto.Signer, roots []*x509.Certificate) (*Credentials, error) {
	switch {
	case len(shown) == 0:
		return nil, fmt.Errorf("%w: no certificate", ErrCredentials)
	case len(roots) == 0 || len(roots) > maxRoots:
		return nil, fmt.Errorf("%w: %d roots, want 1 to %d", ErrCredentials, len(roots), maxRoots)
	}
	for _, root := range roots {
		if !root.IsCA {
			return nil, fmt.Errorf("%w: the roots contain the certificate of %.100q, which is not an authority", ErrCredentials, root.Subject.String())
		}
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(shown[0].PublicKey) {
		return nil, fmt.Errorf("%w: the key does not belong to the certificate: was only one of the two renewed?", ErrCredentials)
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

// ownName checks this process's chain as peers will: for each side of its role, both for a host.
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

// Believing returns c with other roots; c itself if they are equal.
func (c *Credentials) Believing(roots []*x509.Certificate) *Credentials {
	if sameRoots(c.Roots, roots) {
		return c
	}
	other := *c
	other.Roots = roots
	return &other
}

// BelievesAs reports whether both trust the same roots.
func (c *Credentials) BelievesAs(other *Credentials) bool { return sameRoots(c.Roots, other.Roots) }

func sameRoots(a, b []*x509.Certificate) bool {
	return slices.EqualFunc(a, b, func(a, b *x509.Certificate) bool { return a.Equal(b) })
}

// Source returns the current credentials. It never blocks: it is called in each handshake. The error is
// ErrCredentials, and says why there are none; a Source that had some keeps returning them.
type Source interface {
	Current() (*Credentials, error)
}

// Memory is a Source that is set directly. The zero Memory has no credentials.
type Memory struct{ current atomic.Pointer[Credentials] }

// NewMemory returns a Memory with credentials.
func NewMemory(c *Credentials) *Memory {
	m := &Memory{}
	m.Set(c)
	return m
}

// Set replaces the credentials for all handshakes that begin from now on.
func (m *Memory) Set(c *Credentials) { m.current.Store(c) }

// Current implements Source.
func (m *Memory) Current() (*Credentials, error) {
	if c := m.current.Load(); c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("%w: not loaded yet", ErrCredentials)
}

// State is the state of a Source, as operators and alarms see it.
type State struct {
	// Name and Fingerprint are those of the certificate in use; empty while there is none.
	Name        string      `json:"name,omitempty"`
	Fingerprint Fingerprint `json:"fingerprint,omitzero"`
	NotBefore   time.Time   `json:"not_before,omitzero"`
	NotAfter    time.Time   `json:"not_after,omitzero"`
	// DaysLeft is the number of whole days until NotAfter, negative when it has passed.
	DaysLeft int `json:"days_left"`
	// Expired: it is not valid now by this process's clock.
	Expired bool `json:"expired,omitempty"`
	// Age says how much of its life has passed: early, fresh, due (for a new one), ending, over.
	Age Age `json:"age,omitempty"`
	// Loaded is since when they are in use.
	Loaded time.Time `json:"loaded,omitzero"`
	// Fault is why newer ones are unusable; empty if none are. FaultSince is when that was first seen.
	Fault      string    `json:"fault,omitempty"`
	FaultSince time.Time `json:"fault_since,omitzero"`
	// Copied: a copy of the last good files is in use, because the files were unusable when the process started.
	Copied bool `json:"copied,omitempty"`
	// Unkept is why there is no such copy of the files in use; empty if there is one or none is needed.
	Unkept string `json:"unkept,omitempty"`
	// Roots are the roots that this process trusts.
	Roots []Root `json:"roots,omitempty"`
}

// Root is a trusted authority.
type Root struct {
	Name        string      `json:"name"` // its subject
	Fingerprint Fingerprint `json:"fingerprint"`
	NotAfter    time.Time   `json:"not_after"`
}

// StateOf returns the State of credentials, which may be nil.
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
			return nil, fmt.Errorf("unexpected PEM block %.40q among the certificates", block.Type)
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
				return nil, errors.New("the private key can't be read: is the file damaged?") // the library's error could quote it
			}
			signer, ok := key.(crypto.Signer)
			if !ok {
				return nil, fmt.Errorf("the key can't sign (%T)", key)
			}
			return signer, nil
		case "EC PRIVATE KEY":
			key, err := x509.ParseECPrivateKey(block.Bytes)
			if err != nil {
				return nil, errors.New("the private key can't be read: is the file damaged?")
			}
			return key, nil
		case "EC PARAMETERS", "CERTIFICATE": // openssl and some authorities write it beside the key
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("the private key is encrypted, but a host starts unattended: store it unencrypted, readable by its user only")
		case "RSA PRIVATE KEY":
			return nil, fmt.Errorf("%w: RSA; only ECDSA P-256 and Ed25519 are supported", ErrKey)
		default:
			return nil, fmt.Errorf("unexpected PEM block %.40q instead of a private key", block.Type)
		}
	}
}

// Anonymous makes credentials without an identity, with a new key that is not stored: for a connection whose ends
// authenticate in another way (Policy.Unproved). They are useless for anything else.
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
