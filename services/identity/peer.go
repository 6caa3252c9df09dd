package identity

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"time"
)

// Fingerprint is the SHA-256 of a public key (SubjectPublicKeyInfo). It stays when a certificate is renewed for the same key.
type Fingerprint [sha256.Size]byte

// FingerprintOf is that of a certificate's key.
func FingerprintOf(certificate *x509.Certificate) Fingerprint {
	return sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
}

// String writes it in hexadecimal.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// IsZero reports whether there is none.
func (f Fingerprint) IsZero() bool { return f == Fingerprint{} }

// MarshalText writes it as String does; none is empty.
func (f Fingerprint) MarshalText() ([]byte, error) {
	if f.IsZero() {
		return nil, nil
	}
	return []byte(f.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (f *Fingerprint) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*f = Fingerprint{}
		return nil
	}
	if len(text) != 2*len(f) {
		return fmt.Errorf("a fingerprint has %d hexadecimal digits, not %d", 2*len(f), len(text))
	}
	if _, err := hex.Decode(f[:], text); err != nil {
		return fmt.Errorf("a fingerprint has %d hexadecimal digits: %w", 2*len(f), err)
	}
	return nil
}

// Peer is who was found at the other end. The zero Peer: nobody was asked for a name.
type Peer struct {
	Name        Name
	Fingerprint Fingerprint
	// NotBefore and NotAfter bound the time in which everything of its chain is valid, the root's time included.
	NotBefore, NotAfter time.Time
	// Expired: the time is over, or has not come, by the own clock. It is an alarm, and decided nothing.
	Expired bool
}

// String is for logs.
func (p Peer) String() string {
	if p == (Peer{}) {
		return "nobody in particular"
	}
	return p.Name.String() + " (key " + p.Fingerprint.String()[:16] + "…)"
}
