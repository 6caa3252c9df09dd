// Package identitytest makes authorities, certificates and files for tests of users of package identity.
package identitytest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/identity"
)

// Pair is an authority for one pair.
type Pair struct {
	t    testing.TB
	ID   string
	Root *x509.Certificate
	Key  crypto.Signer
}

// NewPair returns one; its root is valid for 20 years.
func NewPair(t testing.TB, id string) *Pair {
	t.Helper()
	p := &Pair{t: t, ID: id, Key: Key(t)}
	p.Root = p.Sign(Change(func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: "root of " + id}
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
		c.NotAfter = time.Now().AddDate(20, 0, 0)
		c.ExtKeyUsage, c.URIs = nil, nil
	}), p.Key.Public())
	return p
}

// Key makes a key as members have it.
func Key(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Change changes a certificate from the default: a host's, valid from an hour ago for a month.
type Change func(*x509.Certificate)

// For sets the name.
func For(n identity.Name) Change { return func(c *x509.Certificate) { c.URIs = []*url.URL{n.URL()} } }

// Between sets the validity.
func Between(from, until time.Time) Change {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, until }
}

// Sign signs a certificate for a key.
func (p *Pair) Sign(change Change, public crypto.PublicKey) *x509.Certificate {
	p.t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		p.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 1, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	change(template)
	issuer := p.Root
	if issuer == nil {
		issuer = template
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, issuer, public, p.Key)
	if err != nil {
		p.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// Credentials are those of a member, with changes to its certificate.
func (p *Pair) Credentials(n identity.Name, changes ...Change) *identity.Credentials {
	p.t.Helper()
	key := Key(p.t)
	c, err := identity.NewCredentials([]*x509.Certificate{p.Member(n, key, changes...)}, key, []*x509.Certificate{p.Root})
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// Member is the certificate of a member.
func (p *Pair) Member(n identity.Name, key crypto.Signer, changes ...Change) *x509.Certificate {
	p.t.Helper()
	return p.Sign(func(c *x509.Certificate) {
		For(n)(c)
		for _, change := range changes {
			change(c)
		}
	}, key.Public())
}

// Source gives Credentials.
func (p *Pair) Source(n identity.Name, changes ...Change) *identity.Memory {
	p.t.Helper()
	return identity.NewMemory(p.Credentials(n, changes...))
}

// Write writes a member's three files into a directory, with a new key.
func (p *Pair) Write(dir string, n identity.Name, changes ...Change) identity.Paths {
	p.t.Helper()
	key := Key(p.t)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		p.t.Fatal(err)
	}
	paths := identity.Paths{Certificate: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key"), Roots: filepath.Join(dir, "ca.crt")}
	err = errors.Join(
		durable.Write(paths.Certificate, PEM("CERTIFICATE", p.Member(n, key, changes...).Raw)),
		durable.Write(paths.Key, PEM("PRIVATE KEY", raw)),
		durable.Write(paths.Roots, PEM("CERTIFICATE", p.Root.Raw)))
	if err != nil {
		p.t.Fatal(err)
	}
	return paths
}

// PEM writes a block.
func PEM(kind string, raw []byte) []byte {
	var b bytes.Buffer
	_ = pem.Encode(&b, &pem.Block{Type: kind, Bytes: raw}) // to memory
	return b.Bytes()
}
