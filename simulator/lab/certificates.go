package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/simulator/pair"
)

// certificates makes an authority for this lab and gives each node its credentials, by name.
func (l *Lab) certificates() (map[string]config.TLS, error) {
	tls := map[string]config.TLS{}
	now := time.Now()
	issued := now.Add(-l.options.Issued)
	root, err := authority.New("lab", issued)
	if err != nil {
		return nil, err
	}
	issuer, err := root.Rotate(issued)
	if err != nil {
		return nil, err
	}
	for _, node := range l.names() {
		name, from := pair.Identity(root.Pair(), node), issued
		if name.Role == identity.RoleTerminal && from.Add(2*authority.Life(name.Role)).Before(now) {
			from = now // hosts refuse terminals whose certificates expired long ago
		}
		paths, err := issuer.Equip(filepath.Join(l.options.Dir, "tls-"+node), name, authority.Life(name.Role), from)
		if err != nil {
			return nil, err
		}
		if name.Role == identity.RoleHost {
			own := authorityAt(filepath.Dir(paths.Key))
			seal, err := authority.NewSeal(own.AuthoritySeal)
			if err == nil {
				err = issuer.Write(own.AuthorityKey, seal.Recipient())
			}
			if err != nil {
				return nil, err
			}
		}
		tls[node] = config.TLS{TLSCert: paths.Certificate, TLSKey: paths.Key, TLSCa: paths.Roots}
	}
	return tls, nil
}

// authorityAt is the setting of a host that issues certificates with the files in a directory.
func authorityAt(dir string) config.Authority {
	return config.Authority{AuthorityKey: filepath.Join(dir, "issuing.key"), AuthoritySeal: filepath.Join(dir, "seal.key")}
}

// issues is the setting of an issuing host; empty for others.
func (l *Lab) issues(t config.TLS) config.Authority {
	if !t.Sealed() || l.options.Elsewhere {
		return config.Authority{}
	}
	return authorityAt(filepath.Dir(t.TLSKey))
}

// Certify gives a node certificates from its next start on, and also allows plain text to peers without one if
// optional is set.
func (l *Lab) Certify(name string, optional bool) {
	files := l.tls[name]
	l.trees[name].set("HOTPAIR_TLS_CERT="+files.TLSCert, "HOTPAIR_TLS_KEY="+files.TLSKey, "HOTPAIR_TLS_CA="+files.TLSCa,
		"HOTPAIR_TLS_OPTIONAL="+strconv.FormatBool(optional), "HOTPAIR_INSECURE=false")
}

// consoleCertificate makes a self-signed certificate for the address of a host, and returns its files and the pool
// that trusts it.
func (l *Lab) consoleCertificate(name string) (certificate, key string, roots *x509.CertPool, err error) {
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(1, 0, 0), IPAddresses: []net.IP{net.ParseIP(l.network.addresses[name])},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, secret.Public(), secret)
	if err != nil {
		return "", "", nil, err
	}
	vouched, err := x509.ParseCertificate(raw)
	if err != nil {
		return "", "", nil, err
	}
	private, err := authority.EncodeKey(secret)
	if err != nil {
		return "", "", nil, err
	}
	roots = x509.NewCertPool()
	roots.AddCert(vouched)
	certificate, key = filepath.Join(l.options.Dir, "https-"+name+".pem"), filepath.Join(l.options.Dir, "https-"+name+".key")
	return certificate, key, roots, errors.Join(
		os.WriteFile(certificate, authority.EncodeCertificates(vouched), 0o600), os.WriteFile(key, private, 0o600))
}
