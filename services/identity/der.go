package identity

import (
	"crypto/x509"
	"errors"
	"fmt"
)

// Bounds of a chain in a message: number of certificates, and bytes of each.
const (
	maxSent      = 8
	maxSentBytes = 16 << 10
)

// ParseDER reads certificates from a message, at least one.
func ParseDER(raw [][]byte) (chain []*x509.Certificate, err error) {
	if len(raw) == 0 || len(raw) > maxSent {
		return nil, fmt.Errorf("%d certificates, want 1 to %d", len(raw), maxSent)
	}
	for _, r := range raw {
		if len(r) > maxSentBytes {
			return nil, errors.New("a certificate of more than 16 KiB")
		}
		c, err := x509.ParseCertificate(r)
		if err != nil {
			return nil, err
		}
		chain = append(chain, c)
	}
	return chain, nil
}

// DER encodes certificates for a message.
func DER(chain ...*x509.Certificate) (raw [][]byte) {
	for _, c := range chain {
		raw = append(raw, c.Raw)
	}
	return raw
}
