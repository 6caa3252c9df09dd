package identity

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"time"
)

// Fingerprint is the SHA-256 of a public key (SubjectPublicKeyInfo). It stays the same when a certificate is renewed
// for the same key.
type Fingerprint [sha256.Size]byte

// FingerprintOf returns the fingerprint of a certificate's key.
func FingerprintOf(certificate *x509.Certificate) Fingerprint {
	return sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
}

// String returns it in hexadecimal.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// IsZero reports whether there is no fingerprint.
func (f Fingerprint) IsZero() bool { return f == Fingerprint{} }

// MarshalText returns it as String does; the zero Fingerprint is empty.
func (f Fingerprint) MarshalText() ([]byte, error) {
	if f.IsZero() {
		return nil, nil
	}
	return []byte(f.String()), nil
}

// UnmarshalText reads the result of MarshalText.
func (f *Fingerprint) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*f = Fingerprint{}
		return nil
	}
	if len(text) != 2*len(f) {
		return fmt.Errorf("a fingerprint has %d hexadecimal digits, got %d", 2*len(f), len(text))
	}
	if _, err := hex.Decode(f[:], text); err != nil {
		return fmt.Errorf("a fingerprint has %d hexadecimal digits: %w", 2*len(f), err)
	}
	return nil
}

// Peer is the authenticated other end of a connection. The zero Peer was not asked for a name.
type Peer struct {
	Name        Name
	Fingerprint Fingerprint
	// NotBefore and NotAfter bound the time in which its whole chain is valid, including the root.
	NotBefore, NotAfter time.Time
	// Expired: it is not valid now by this process's clock. This raises an alarm, but did not decide anything.
	Expired bool
}

// String is for logs.
func (p Peer) String() string {
	if p == (Peer{}) {
		return "unknown"
	}
	return p.Name.String() + " (key " + p.Fingerprint.String()[:16] + "…)"
}
