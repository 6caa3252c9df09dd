package identity

import (
	"crypto/x509"
	"errors"
	"fmt"
)

// Bounds of a chain that comes in a message: how many certificates, and how many bytes each.
const (
	maxSent      = 8
	maxSentBytes = 16 << 10
)

// ParseDER reads certificates as messages have them. There is one at least.
func ParseDER(raw [][]byte) (chain []*x509.Certificate, err error) {
	if len(raw) == 0 || len(raw) > maxSent {
		return nil, fmt.Errorf("%d certificates, 1 to %d are expected", len(raw), maxSent)
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

// DER writes certificates so.
func DER(chain ...*x509.Certificate) (raw [][]byte) {
	for _, c := range chain {
		raw = append(raw, c.Raw)
	}
	return raw
}
